/**
 * TLS towards clients: certificates with their keys, chosen by the name that a client asks for (SNI). They are read
 * while root may still have to, and again on demand; what can't be used then leaves the old ones in place.
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
import type { Config, TlsVersion } from "../config/settings";
import { matching, readPem } from "./pem";
import { versionOptions } from "./versions";

/** The one protocol that is spoken here (RFC 7301; IANA's registry); a client may also say none. */
const ALPN = ["pop3"];

/** The kinds of keys, as Node names them, and their signatures, as OpenSSL does. */
const SIGNATURES = {
  ec: "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
  ed25519: "ed25519",
  ed448: "ed448",
  rsa: "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
  "rsa-pss": "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
} as const;
type KeyKind = keyof typeof SIGNATURES;
const KINDS = Object.keys(SIGNATURES) as readonly KeyKind[];

interface Pair {
  readonly leaf: X509Certificate;
  readonly context: SecureContext;
}

export class Certificates {
  readonly #config: Config;
  #pairs: readonly Pair[];

  /** @throws Error in one line, with the file, if one can't be read or used */
  constructor(config: Config) {
    this.#config = config;
    this.#pairs = this.#read();
  }

  /** Each certificate in words: its file, whom it names, and until when. */
  get names(): string[] {
    return this.#pairs.map(({ leaf }, index) => {
      const names = leaf.subjectAltName ?? leaf.subject.replaceAll("\n", ", ");
      return `${this.#config.certificates[index]?.cert}: ${names}, until ${leaf.validTo}`;
    });
  }

  /** What is worth a warning at the start. */
  get warnings(): string[] {
    const { tlsMin, certificates } = this.#config;
    const now = Date.now();
    const invalid = this.#pairs.flatMap(({ leaf }, index) => {
      const valid = Date.parse(leaf.validFrom) <= now && now <= Date.parse(leaf.validTo);
      return valid ? [] : [`${certificates[index]?.cert}: not valid at this time`];
    });
    return tlsMin === "1.0" || tlsMin === "1.1" ? [...invalid, `TLS ${tlsMin} is not secure`] : invalid;
  }

  /** Their files. */
  get files(): string[] {
    return this.#config.certificates.flatMap(({ cert, key }) => [cert, key]);
  }

  /** Reads the files again; new handshakes use them. @throws Error as the constructor; the old ones stay then */
  reload(): void {
    this.#pairs = this.#read();
  }

  /** Puts TLS over a client's connection. */
  over(raw: Duplex): TLSSocket {
    return new TLSSocket(raw as ConstructorParameters<typeof TLSSocket>[0], {
      isServer: true,
      secureContext: (this.#pairs[0] as Pair).context,
      SNICallback: (name, done) => done(null, this.#named(name)),
      ALPNProtocols: ALPN,
      requestCert: false,
      rejectUnauthorized: false,
    });
  }

  /** The first whose certificate has the name, else the first of all. */
  #named(name: string): SecureContext {
    return (this.#pairs.find(({ leaf }) => leaf.checkHost(name.toLowerCase())) ?? (this.#pairs[0] as Pair)).context;
  }

  #read(): Pair[] {
    const { certificates, tlsMin } = this.#config;
    const files = certificates.map(({ cert, key }) => ({ cert, key, chain: readPem(cert), secret: readPem(key) }));
    const leaves = files.map((one) => named(one, () => matching(one.chain, one.secret)));
    const [first, ...others] = leaves.map(keyKindOf);
    const mixed = others.some((kind) => kind !== first);
    return files.map((one, index) => {
      const options: SecureContextOptions = {
        ...versionOptions(tlsMin),
        ...(index === 0 && mixed && first && leastPreferred(first, tlsMin)),
        cert: one.chain,
        key: one.secret,
        // Without an empty list of authorities Node would load all of its own, for 20 ms.
        ca: [],
        // Renegotiation would cost a client nothing and us a handshake, as often as it likes.
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      };
      return { leaf: leaves[index] as X509Certificate, context: named(one, () => createSecureContext(options)) };
    });
  }
}

/** Does it, and names the files if it fails. */
function named<Result>({ cert, key }: { readonly cert: string; readonly key: string }, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw new Error(`${cert} with ${key}: ${(thrown as Error).message}`);
  }
}

function keyKindOf({ publicKey }: X509Certificate): KeyKind | undefined {
  return KINDS.find((kind) => kind === publicKey.asymmetricKeyType);
}

/**
 * What makes a kind of key the one that is preferred the least. To the first certificate Node adds the one that a name
 * has chosen, and replaces it only if its key is of the same kind; of two kinds OpenSSL takes the one that it prefers
 * (nodejs/node#54235).
 */
function leastPreferred(kind: KeyKind, lowest: TlsVersion): SecureContextOptions {
  const { ciphers = DEFAULT_CIPHERS } = versionOptions(lowest);
  return {
    sigalgs: [...KINDS.filter((one) => one !== kind), kind].map((one) => SIGNATURES[one]).join(":"),
    ciphers: `${ciphers}:+${kind.startsWith("rsa") ? "aRSA" : "aECDSA"}`,
    honorCipherOrder: true,
  };
}
