/**
 * TLS towards clients: certificates with their keys, chosen by the name that a client asks for (SNI; RFC 6066, 3). The
 * constructor reads the files, before root is dropped.
 */

import { constants, type X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
} from "node:tls";
import type { Warning } from "../base/warning";
import type { ClientSettings, TlsVersion } from "../config/settings";
import { type CertificateEnd, certificateEnd, dateWarnings } from "./dates";
import { tlsReason } from "./faults";
import { matching, naming, readPem } from "./pem";
import { versionOptions } from "./versions";

/** The only ALPN protocol that is accepted (RFC 7301; IANA's registry); a client may also send none. */
const ALPN = ["pop3"];

/** The kinds of keys, by Node's names, with their signature algorithms, by OpenSSL's names. */
const SIGNATURES = {
  ec: "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
  ed25519: "ed25519",
  ed448: "ed448",
  rsa: "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
  "rsa-pss": "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
} as const;
type KeyKind = keyof typeof SIGNATURES;
const KINDS = Object.keys(SIGNATURES) as readonly KeyKind[];

/** A certificate with its key. */
interface Pair {
  /** The file of the certificate. */
  readonly file: string;
  readonly leaf: X509Certificate;
  readonly context: SecureContext;
}

/** The certificates for clients. */
export class ClientTls {
  readonly #settings: ClientSettings;
  readonly #pairs: readonly Pair[];
  /** Called with each socket, whose handshake is still to come. */
  onSocket: ((tls: TLSSocket) => void) | null = null;

  /** @throws Error in one line, with the file, if a file can't be read or used */
  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#pairs = readPairs(settings);
  }

  /** A text for each certificate: its file, its names, and its last day. */
  get names(): string[] {
    return this.#pairs.map(({ file, leaf }) => {
      const names = leaf.subjectAltName ?? leaf.subject.replaceAll("\n", ", ");
      return `${file}: ${names}, until ${leaf.validTo}`;
    });
  }

  /** When the certificates end. */
  get ends(): CertificateEnd[] {
    return this.#pairs.map(({ file, leaf }) => certificateEnd(file, leaf));
  }

  /** The warnings for the start: certificates that are not valid now, or not much longer, and old TLS versions. */
  get warnings(): Warning[] {
    const { tlsMin } = this.#settings;
    const dates = this.#pairs.flatMap(({ file, leaf }) => dateWarnings(file, leaf));
    if (tlsMin !== "1.0" && tlsMin !== "1.1") return dates;
    return [...dates, { code: "tls-old-version", reason: `--tls-min ${tlsMin}: TLS ${tlsMin} is not secure` }];
  }

  /** The files that were read. */
  get files(): string[] {
    return this.#settings.certificates.flatMap(({ cert, key }) => [cert, key]);
  }

  /** Puts TLS over a client's connection. */
  over(raw: Duplex): TLSSocket {
    const tls = new TLSSocket(raw as ConstructorParameters<typeof TLSSocket>[0], {
      isServer: true,
      secureContext: (this.#pairs[0] as Pair).context,
      SNICallback: (name, done) => done(null, this.#contextFor(name)),
      ALPNProtocols: ALPN,
      requestCert: false,
      rejectUnauthorized: false,
    });
    this.onSocket?.(tls);
    // Those who report the fault show its reason, as with OpenSSL's own faults.
    return tls.prependOnceListener("error", (fault) => Object.assign(fault, { reason: tlsReason(fault) }));
  }

  /** The first certificate that has the name, else the first of all. */
  #contextFor(name: string): SecureContext {
    return (this.#pairs.find(({ leaf }) => leaf.checkHost(name.toLowerCase())) ?? (this.#pairs[0] as Pair)).context;
  }
}

/** @throws Error in one line, with the file */
function readPairs({ certificates, tlsMin }: ClientSettings): Pair[] {
  const files = certificates.map((pair) => ({ pair, chain: readPem(pair.cert), secret: readPem(pair.key) }));
  const leaves = files.map(({ pair, chain, secret }) => matching(pair, chain, secret));
  const [first, ...others] = leaves.map(keyKindOf);
  const mixed = others.some((kind) => kind !== first);
  return files.map((one, index) => {
    const options: SecureContextOptions = {
      ...versionOptions(tlsMin),
      ...(index === 0 && mixed && first && leastPreferred(first, tlsMin)),
      cert: one.chain,
      key: one.secret,
      // Without a list of authorities Node loads its own, which takes 20 ms.
      ca: [],
      // Renegotiation lets a client demand any number of handshakes, which cost the gateway more than the client.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    };
    const context = naming(one.pair.cert, () => createSecureContext(options));
    return { file: one.pair.cert, leaf: leaves[index] as X509Certificate, context };
  });
}

function keyKindOf({ publicKey }: X509Certificate): KeyKind | undefined {
  return KINDS.find((kind) => kind === publicKey.asymmetricKeyType);
}

/**
 * The options by which OpenSSL prefers every other kind of key to this one. Node adds the certificate of the requested
 * name to the first certificate, and replaces the first one only if its key is of the same kind. Of two kinds OpenSSL
 * takes the one that it prefers, whatever the name is (nodejs/node#54235).
 */
function leastPreferred(kind: KeyKind, lowest: TlsVersion): SecureContextOptions {
  const { ciphers = DEFAULT_CIPHERS } = versionOptions(lowest);
  return {
    sigalgs: [...KINDS.filter((one) => one !== kind), kind].map((one) => SIGNATURES[one]).join(":"),
    ciphers: `${ciphers}:+${kind.startsWith("rsa") ? "aRSA" : "aECDSA"}`,
    honorCipherOrder: true,
  };
}
