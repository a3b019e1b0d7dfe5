// A DTLS-SRTP client on werift that shakes hands, prints the exported SRTP keys in hex for its test, and ends.
//
// usage: main.js MDD-ADDRESS:PORT OWN-ADDRESS:PORT CERT KEY KMF-FINGERPRINT PROFILE-NUMBER
'use strict';
const {createHash, X509Certificate} = require('node:crypto');
const dgram = require('node:dgram');
const fs = require('node:fs');
const path = require('node:path');

// werift's package offers its WebRTC API only; the DTLS client in it is a module of its own.
const {DtlsClient} = require(path.join(__dirname, 'node_modules/werift/lib/dtls/src/index.js'));

// Keys and salts of both directions in bytes, by DTLS-SRTP number (RFC 7714 section 12, RFC 8723 section 9).
const EXPORT_BYTES = {7: 2 * (16 + 12), 8: 2 * (32 + 12), 9: 2 * (32 + 24), 10: 2 * (64 + 24)};
const FIRST_DOUBLE_PROFILE = 9;
// supported_ekt_ciphers (RFC 8870 section 5.2): one cipher, AESKW128. werift then ignores the ekt_key that it gets.
const EKT_CIPHERS = {type: 39, data: Buffer.from([1, 1])};
const SHA256_WITH_ECDSA = {hash: 4, signature: 3};
const TIME_LIMIT_MS = 10_000;

function fail(reason) {
  console.error(`werift_client: ${reason}`);
  process.exit(1);
}

function transport(mdd, own) {
  const [address, port] = mdd.split(':');
  const [ownAddress, ownPort] = own.split(':');
  const socket = dgram.createSocket('udp4');
  const made = {
    type: 'udp',
    closed: false,
    onData: () => {},
    send: (data) => new Promise((done) => socket.send(data, Number(port), address, () => done())),
    close: async () => socket.close(),
  };
  socket.on('message', (data) => made.onData(data));
  return new Promise((ready) => socket.bind(Number(ownPort), ownAddress, () => ready(made)));
}

async function main([mdd, own, cert, key, fingerprint, profile]) {
  const number = Number(profile);
  if (!(number in EXPORT_BYTES)) {
    console.error('usage: main.js MDD-ADDRESS:PORT OWN-ADDRESS:PORT CERT KEY KMF-FINGERPRINT PROFILE-NUMBER');
    process.exit(64);
  }
  const client = new DtlsClient({
    transport: await transport(mdd, own),
    cert: fs.readFileSync(cert, 'utf8'),
    key: fs.readFileSync(key, 'utf8'),
    signatureHash: SHA256_WITH_ECDSA,
    srtpProfiles: [number],
    extendedMasterSecret: true,
  });
  if (number >= FIRST_DOUBLE_PROFILE) client.extensions.push(EKT_CIPHERS);
  client.onError.subscribe((error) => fail(error));
  client.onConnect.subscribe(() => {
    const shown = createHash('sha256').update(new X509Certificate(client.remoteCertificate).raw).digest('hex');
    if (shown !== fingerprint) fail('the KMF shows another certificate');
    if (client.srtp.srtpProfile !== number) fail(`the KMF selected profile ${client.srtp.srtpProfile}`);
    console.log(client.exportKeyingMaterial('EXTRACTOR-dtls_srtp', EXPORT_BYTES[number]).toString('hex'));
    process.exit(0);
  });
  setTimeout(() => fail('the handshake took too long'), TIME_LIMIT_MS);
  await client.connect();
}

main(process.argv.slice(2)).catch(fail);
