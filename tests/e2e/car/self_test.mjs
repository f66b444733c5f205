// The reader accepts a sound CAR file and refuses each kind of damage: a reader that accepts
// anything would prove nothing of our export. Files are made with the same libraries.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CarBufferWriter } from '@ipld/car';
import * as dagCbor from '@ipld/dag-cbor';
import { blake3 } from '@noble/hashes/blake3';
import { CID } from 'multiformats/cid';
import * as Digest from 'multiformats/hashes/digest';

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'causality-car-'));
const cidOf = (bytes) => CID.createV1(dagCbor.code, Digest.create(0x1e, blake3(bytes)));
const blockOf = (bytes) => ({ cid: cidOf(bytes), bytes });

const leaf = blockOf(dagCbor.encode(['item', 1n << 60n]));
const node = blockOf(dagCbor.encode([null, leaf.cid]));
const loose = blockOf(Uint8Array.of(0x18, 0x01)); // 1 in two bytes: valid CBOR, not canonical
const torn = blockOf(Uint8Array.of(0x82, 0x01)); // an array of two with one element

/* An effect that cites two facts and names a time map, all of them not in the file, and its
 * receipt, which says that it left some out. */
function reliant(leftOut) {
  const cid = (n) => cidOf(Uint8Array.of(n));
  const effect = blockOf(dagCbor.encode(
    [13, new Uint8Array(32), 1, 0, [], [], [], [cid(1), cid(2)], [], [], cid(3), null, null]));
  const receipt = blockOf(dagCbor.encode([3, effect.cid, 1, 1, null, null, leftOut, 0, []]));
  return read([receipt.cid], [effect, receipt]);
}

/* The node of a program's log that leads to a receipt, which is in an envelope or nowhere. */
function entry(enveloped) {
  const receipt = dagCbor.encode([3, cidOf(Uint8Array.of(1)), 1, 1, null, [[0, 1]], [], 11, []]);
  const other = dagCbor.encode([3, cidOf(Uint8Array.of(2)), 1, 1, null, [[0, 1]], [], 11, []]);
  const node = blockOf(dagCbor.encode([null, cidOf(receipt)]));
  const envelope = blockOf(dagCbor.encode([9, enveloped ? receipt : other, Uint8Array.of(0)]));
  return read([node.cid], [node, envelope]);
}

function read(roots, blocks, damage = (bytes) => bytes) {
  const buffer = new ArrayBuffer(4096);
  const writer = CarBufferWriter.createWriter(buffer, { roots });
  for (const block of blocks) writer.write(block);
  const file = join(folder, 'test.car');
  writeFileSync(file, damage(writer.close({ resize: true })));
  try {
    const text = execFileSync('node', [join(here, 'read_car.mjs'), file], { stdio: 'pipe' });
    return JSON.parse(text);
  } catch (error) {
    return String(error.stderr);
  }
}
const flipLast = (bytes) => bytes.map((b, i) => (i === bytes.length - 1 ? b ^ 1 : b));

const cases = {
  'a sound file is accepted': () => {
    const seen = read([node.cid], [leaf, node]);
    return seen.blocks === 2 && seen.links === 1 && seen.roots[0] === node.cid.toString();
  },
  'a flipped bit is found': () => /hash to something else/.test(read([leaf.cid], [leaf], flipLast)),
  'a link that leads nowhere is found': () => /leads nowhere/.test(read([node.cid], [node])),
  'facts left out and a proposal\'s time may lead outside': () => reliant([0, 1]).outside === 3,
  'a fact that was not left out may not': () => /leads nowhere/.test(reliant([1])),
  'a fact that the effect does not cite cannot be left out': () =>
    /no such effect/.test(reliant([0, 1, 2])),
  'an entry of a log may lead into an envelope': () => entry(true).outside === 1,
  'an entry of a log may not lead past its envelope': () => /leads nowhere/.test(entry(false)),
  'a root that is not there is found': () => /root .* is not/.test(read([node.cid], [leaf])),
  'a block that is not canonical is found': () => typeof read([loose.cid], [loose]) === 'string',
  'a block that does not decode is found': () => typeof read([torn.cid], [torn]) === 'string',
  'a block that stands twice is found': () => /twice/.test(read([leaf.cid], [leaf, leaf])),
  'a cut file is found': () =>
    typeof read([leaf.cid], [leaf], (bytes) => bytes.subarray(0, bytes.length - 3)) === 'string',
};
let failed = 0;
for (const [name, holds] of Object.entries(cases)) {
  const good = holds();
  console.log(`${good ? 'ok' : 'FAILED'}: ${name}`);
  failed += !good;
}
rmSync(folder, { recursive: true });
process.exit(failed ? 1 : 0);
