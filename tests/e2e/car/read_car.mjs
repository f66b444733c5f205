// Reads a CAR file with the IPLD libraries of others and refuses whatever does not hold.
//
// Each block's bytes must hash to its CID and decode as DAG-CBOR; encoding what was decoded must
// give the same bytes (so the block is canonical); every link, and every root, must lead to a
// block of the file, but for what an effect names and does not rely on: a cited fact that its
// receipt says was left out, and the time map that it was proposed under; and a node of a log may
// lead to a receipt that an envelope holds. Prints counts as one JSON object; a finding goes to
// stderr with exit code 1.
//
// usage: read_car.mjs FILE.car        (through tests/e2e/car/read-car, which finds the packages)
import { createReadStream } from 'node:fs';
import { CarBlockIterator } from '@ipld/car';
import * as dagCbor from '@ipld/dag-cbor';
import { blake3 } from '@noble/hashes/blake3';
import { sha256 } from '@noble/hashes/sha2';
import { CID } from 'multiformats/cid';
import * as Digest from 'multiformats/hashes/digest';

const HASHES = { 0x12: sha256, 0x1e: blake3 }; // multicodec: sha2-256, blake3

function check(good, text) {
  if (good) return;
  console.error(text);
  process.exit(1);
}

const equal = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

/* Adds to links every link inside value, at any depth. */
function collect(value, from, links) {
  const link = CID.asCID(value);
  if (link) links.push([from, link.toString()]);
  else if (value && typeof value === 'object' && !(value instanceof Uint8Array))
    for (const inner of Object.values(value)) collect(inner, from, links);
}

const EFFECT_FULL = 13, RECEIPT = 3, ENVELOPE = 9;
const FACTS = 7, TIME = 10; // of an effect
const EFFECT = 1, LEFT_OUT = 6; // of a receipt

/* Which links may lead outside: "from to". */
function mayLeave(effects, receipts) {
  const free = new Set();
  for (const [name, effect] of effects)
    if (effect[TIME]) free.add(`${name} ${effect[TIME]}`);
  for (const receipt of receipts)
    for (const i of receipt[LEFT_OUT]) {
      const effect = effects.get(String(receipt[EFFECT]));
      check(effect && i < effect[FACTS].length, `a receipt leaves out fact ${i} of no such effect`);
      free.add(`${receipt[EFFECT]} ${effect[FACTS][i]}`);
    }
  return free;
}

const isNode = (value) => Array.isArray(value) && value.length === 2
  && (value[0] === null || CID.asCID(value[0])) && CID.asCID(value[1]);
const nameOf = (bytes) => CID.createV1(dagCbor.code, Digest.create(0x1e, blake3(bytes))).toString();

const file = process.argv[2];
if (!file) {
  console.error('usage: read_car.mjs FILE.car');
  process.exit(2);
}
try {
  const car = await CarBlockIterator.fromIterable(createReadStream(file));
  const roots = (await car.getRoots()).map(String);
  const blocks = new Set();
  const links = [], effects = new Map(), receipts = [], nodes = [], enveloped = new Set();
  let bytes = 0, outside = 0;
  for await (const { cid, bytes: body } of car) {
    const name = cid.toString();
    check(!blocks.has(name), `${name}: stands twice`);
    check(cid.version === 1 && cid.code === dagCbor.code, `${name}: not CIDv1 of dag-cbor`);
    const hash = HASHES[cid.multihash.code];
    check(hash, `${name}: unknown hash function 0x${cid.multihash.code.toString(16)}`);
    check(equal(hash(body), cid.multihash.digest), `${name}: the bytes hash to something else`);
    const value = dagCbor.decode(body);
    check(equal(dagCbor.encode(value), body), `${name}: not canonical DAG-CBOR`);
    collect(value, name, links);
    if (Array.isArray(value) && value[0] === EFFECT_FULL) effects.set(name, value);
    if (Array.isArray(value) && value[0] === RECEIPT) receipts.push(value);
    if (Array.isArray(value) && value[0] === ENVELOPE) enveloped.add(nameOf(value[1]));
    if (isNode(value)) nodes.push(`${name} ${value[1]}`);
    blocks.add(name);
    bytes += body.length;
  }
  const free = mayLeave(effects, receipts);
  for (const node of nodes) if (enveloped.has(node.split(' ')[1])) free.add(node);
  for (const [from, to] of links) {
    check(blocks.has(to) || free.has(`${from} ${to}`), `${from}: the link to ${to} leads nowhere`);
    outside += !blocks.has(to);
  }
  for (const root of roots) check(blocks.has(root), `root ${root} is not in the file`);
  console.log(JSON.stringify({ blocks: blocks.size, links: links.length, outside, roots, bytes }));
} catch (error) {
  check(false, `${file}: ${error.message}`);
}
