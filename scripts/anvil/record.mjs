// Records a chain segment from a real anvil node: see scripts/record-anvil.
//
// The stream is drawn from a fixed seed and every option of the node is fixed, so two recordings
// by one version of anvil are equal. All signatures are the node's own, made with the keys of its
// development accounts. Receivers follow a Zipf law over 64 accounts with keys and 448 without.
//
// usage: node record.mjs OUTPUT-PREFIX      (in a folder with the packages of package.json)
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import solc from 'solc';

const prefix = process.argv[2];
if (!prefix) {
  console.error('usage: node record.mjs OUTPUT-PREFIX');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));

const SIGNERS = 64;
const KEYLESS = 448;
const BLOCKS = 32;
const TRANSFERS_PER_BLOCK = 75;
const FIRST_TIME = 1767225600; // 2026-01-01T00:00:00Z
const BLOCK_TIME = 12;
const HARDFORK = 'prague';
const SUPPLY = 10n ** 27n;
const COINBASE = '0x' + 'c0'.repeat(20);

// mulberry32, a public-domain generator of 32-bit state: any fixed stream would do.
let state = 0x0ca5a117;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const zipf = (n) => {
  const weights = Array.from({ length: n }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((a, b) => a + b, 0);
  return () => {
    let at = random() * total;
    for (let i = 0; i < n; i++) if ((at -= weights[i]) <= 0) return i;
    return n - 1;
  };
};

const hex = (n) => '0x' + BigInt(n).toString(16);
const word = (n) => BigInt(n).toString(16).padStart(64, '0');
const call = {
  transfer: (to, n) => '0xa9059cbb' + word(to) + word(n),
  transferFrom: (from, to, n) => '0x23b872dd' + word(from) + word(to) + word(n),
  approve: (spender, n) => '0x095ea7b3' + word(spender) + word(n),
  balanceOf: (owner) => '0x70a08231' + word(owner),
};

function compileToken() {
  const input = {
    language: 'Solidity',
    sources: { 'Token.sol': { content: readFileSync(join(here, 'Token.sol'), 'utf8') } },
    settings: {
      evmVersion: HARDFORK,
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter((e) => e.severity === 'error');
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
  return '0x' + output.contracts['Token.sol'].Token.evm.bytecode.object;
}

function startNode() {
  const args = [
    '--port', '0', '--no-mining', '--order', 'fifo', '--accounts', String(SIGNERS),
    '--balance', '10000', '--chain-id', '31337', '--hardfork', HARDFORK,
    '--timestamp', String(FIRST_TIME), '--slots-in-an-epoch', '2', '--gas-limit', '30000000',
    '--mnemonic', 'test test test test test test test test test test test junk',
  ];
  const node = spawn(join(here, 'node_modules/.bin/anvil'), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = new Promise((resolve, reject) => {
    let text = '';
    node.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(text);
      if (found) resolve(found[1]);
    });
    node.on('error', reject);
    node.on('exit', (code) => reject(new Error(`anvil stopped with code ${code}`)));
  });
  return { node, port };
}

const { node, port } = startNode();
const url = `http://127.0.0.1:${await port}`;
let id = 0;
async function rpc(method, ...params) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }),
  });
  const answer = await response.json();
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

const nonces = new Map();
const kinds = {};
const types = { '0x0': 0, '0x1': 0, '0x2': 0 };

/* The three kinds of fee fields, in turn: legacy, EIP-2930, EIP-1559. */
function fees(to) {
  const gwei = 10 ** 9;
  const type = below(3);
  if (type === 0) return { type: '0x0', gasPrice: hex(2 * gwei) };
  const listed = to && below(4) === 0;
  const accessList = listed ? [{ address: to, storageKeys: ['0x' + word(below(4))] }] : [];
  if (type === 1) return { type: '0x1', gasPrice: hex(2 * gwei), accessList };
  return {
    type: '0x2',
    maxFeePerGas: hex(4 * gwei),
    maxPriorityFeePerGas: hex(gwei / 10),
    accessList,
  };
}

const GAS = { transfer: 40000, data: 60000, token: 90000, deploy: 2000000 };

async function send(kind, from, to, value, data, gas) {
  const nonce = nonces.get(from) ?? 0;
  nonces.set(from, nonce + 1);
  const tx = { from, nonce: hex(nonce), value: hex(value), gas: hex(gas), ...fees(to) };
  if (to) tx.to = to;
  if (data) tx.input = data;
  kinds[kind] = (kinds[kind] ?? 0) + 1;
  types[tx.type]++;
  return rpc('eth_sendTransaction', tx);
}

let time = FIRST_TIME;
async function mine() {
  time += BLOCK_TIME;
  await rpc('evm_setNextBlockTimestamp', time);
  await rpc('evm_mine');
}

try {
  const signers = await rpc('eth_accounts');
  const keyless = Array.from({ length: KEYLESS }, (_, i) =>
    '0x' + createHash('sha256').update(`causality-cold-${i}`).digest('hex').slice(0, 40));
  const everyone = [...signers, ...keyless];
  const signer = zipf(signers.length);
  const receiver = zipf(everyone.length);
  await rpc('anvil_setCoinbase', COINBASE);

  // Block 1 deploys; block 2 hands out tokens and allowances.
  const code = compileToken() + word(SUPPLY);
  const deployed = await send('deploy', signers[0], null, 0, code, GAS.deploy);
  await mine();
  const token = (await rpc('eth_getTransactionReceipt', deployed)).contractAddress;
  const sendToken = (kind, from, data) => send(kind, from, token, 0, data, GAS.token);
  for (const to of signers.slice(1))
    await sendToken('erc20_transfer', signers[0], call.transfer(to, 10n ** 24n));
  for (let i = 0; i < SIGNERS; i++)
    await sendToken('approve', signers[i], call.approve(signers[(i + 1) % SIGNERS], 10n ** 23n));
  await mine();

  for (let block = 2; block < BLOCKS; block++) {
    for (let i = 0; i < TRANSFERS_PER_BLOCK; i++) {
      const from = signer();
      const to = everyone[receiver()];
      const amount = BigInt(1 + below(10 ** 9)) * 10n ** BigInt(below(9));
      const draw = below(10);
      if (draw < 5) {
        await send('native', signers[from], to, amount, null, GAS.transfer);
      } else if (draw < 8) {
        await sendToken('erc20_transfer', signers[from], call.transfer(to, amount));
      } else {
        const owner = signers[(from + SIGNERS - 1) % SIGNERS];
        await sendToken('erc20_transferFrom', signers[from], call.transferFrom(owner, to, amount));
      }
    }
    // Near misses and failures, one a block: none of the first five is a transfer.
    const [a, b] = [signers[5], signers[6]];
    const odd = [
      () => send('zero_value', a, b, 0, null, GAS.transfer),
      () => send('value_with_data', a, b, 1000, '0xc0ffee', GAS.data),
      () => sendToken('overlong_calldata', a, call.transfer(b, 7) + '00'),
      () => sendToken('approve', a, call.approve(b, 10n ** 23n)),
      () => sendToken('approve', b, call.approve(a, 10n ** 23n)),
      () => send('native', a, a, 12345, null, GAS.transfer),
      () => sendToken('erc20_transfer', a, call.transfer(b, 10n ** 26n)),
      () => sendToken('erc20_transfer', a, call.transfer(b, 1n << 200n)),
      () => sendToken('erc20_transfer', b, call.transfer(b, 77)),
      () => sendToken('erc20_transfer', b, call.transfer(a, 0)),
    ];
    await odd[block % odd.length]();
    await mine();
  }

  // What the node says happened: balances, and fees and failures from the receipts.
  const head = BigInt(await rpc('eth_blockNumber'));
  const blocks = [];
  const fee = new Map();
  const reverted = new Map();
  const failed = [];
  const add = (map, key, n) => map.set(key, (map.get(key) ?? 0n) + n);
  for (let n = 1n; n <= head; n++) {
    const block = await rpc('eth_getBlockByNumber', hex(n), true);
    blocks.push(block);
    for (const tx of block.transactions) {
      const receipt = await rpc('eth_getTransactionReceipt', tx.hash);
      add(fee, tx.from, BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice));
      if (receipt.status === '0x1') continue;
      const amount = BigInt('0x' + tx.input.slice(-64));
      failed.push({ block: Number(n), transaction: tx.hash, amount: String(amount) });
      if (amount >= 1n << 127n) continue; // fits no position: a fact only
      const isTransfer = tx.input.startsWith('0xa9059cbb');
      const from = isTransfer ? tx.from : '0x' + tx.input.slice(34, 74);
      const to = '0x' + tx.input.slice(isTransfer ? 34 : 98, isTransfer ? 74 : 138);
      add(reverted, from, -amount);
      add(reverted, to, amount);
    }
  }

  // A position counts transfers as submitted, from zero; the node counts what it executed, from
  // the first balance. So: ETH position = final - first + fees + value sent with data, and token
  // position = final - first + what reverted + what went by a call that is not a plain transfer.
  const overlong = kinds.overlong_calldata * 7;
  const accounts = [];
  for (const address of everyone) {
    const final = BigInt(await rpc('eth_getBalance', address, hex(head)));
    const query = { to: token, data: call.balanceOf(address) };
    const tokens = BigInt(await rpc('eth_call', query, hex(head)));
    const i = signers.indexOf(address);
    const sign = i === 5 ? 1n : i === 6 ? -1n : 0n;
    const eth = final - (i >= 0 ? 10n ** 22n : 0n) + (fee.get(address) ?? 0n)
      + sign * 1000n * BigInt(kinds.value_with_data);
    const erc20 = tokens - (i === 0 ? SUPPLY : 0n) + (reverted.get(address) ?? 0n)
      + sign * BigInt(overlong);
    if (eth === 0n && erc20 === 0n && final === 0n) continue;
    accounts.push({
      address,
      balance: String(final),
      fees: String(fee.get(address) ?? 0n),
      token_balance: String(tokens),
      position_eth: String(eth),
      position_token: String(erc20),
    });
  }
  const summary = {
    node: await rpc('web3_clientVersion'),
    hardfork: HARDFORK,
    chain_id: 31337,
    token,
    first_block: 1,
    last_block: Number(head),
    last_hash: blocks.at(-1).hash,
    transactions: blocks.reduce((n, b) => n + b.transactions.length, 0),
    types,
    kinds,
    transfers: kinds.native + kinds.erc20_transfer + kinds.erc20_transferFrom,
    failed,
    accounts,
  };
  const sums = ['position_eth', 'position_token'].map((key) =>
    accounts.reduce((n, a) => n + BigInt(a[key]), 0n));
  if (sums.some((n) => n !== 0n)) throw new Error(`positions do not sum to zero: ${sums}`);
  writeFileSync(`${prefix}.jsonl.gz`,
    gzipSync(blocks.map((b) => JSON.stringify(b) + '\n').join(''), { level: 9 }));
  writeFileSync(`${prefix}.summary.json`, JSON.stringify(summary, null, 1) + '\n');
  console.log(`${summary.transactions} transactions, ${summary.transfers} transfers, `
    + `blocks 1 to ${head}, last ${summary.last_hash}`);
} finally {
  node.removeAllListeners('exit');
  node.kill();
}
