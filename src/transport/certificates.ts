/**
 * TLS towards clients: certificates with their keys, chosen by the name that a client asks for (SNI). They are read
 * while root may still have to, and again on demand; what can't be used then leaves the old ones in place.
 */

import { constants, type X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Config } from "../config";
import { matching, readPem } from "../pem";
import { versionOptions } from "../tlsversion";

/** The one protocol that is spoken here (RFC 7301; IANA's registry); a client may also say none. */
const ALPN = ["pop3"];

interface Pair {
  readonly leaf: X509Certificate;
  readonly context: SecureContext;
}

/** Whether this version of Node shows the wrong certificate when keys are of several kinds (nodejs/node#54235). */
export function mixesKinds(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 24 || major === 25 || (major === 24 && minor < 21) || (major === 26 && minor < 10);
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
    const kinds = new Set(this.#pairs.map(({ leaf }) => leaf.publicKey.asymmetricKeyType));
    return [
      ...invalid,
      ...(tlsMin === "1.0" || tlsMin === "1.1" ? [`TLS ${tlsMin} is not secure`] : []),
      ...(kinds.size > 1 && mixesKinds(process.versions.node)
        ? [
            `keys of several kinds (${[...kinds].join(", ")}): Node ${process.versions.node} may show a client the certificate of another name`,
          ]
        : []),
    ];
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
    return certificates.map(({ cert, key }) => {
      const [chain, secret] = [readPem(cert), readPem(key)];
      try {
        const leaf = matching(chain, secret);
        // Without an empty list of authorities Node would load all of its own, for 20 ms.
        const context = createSecureContext({
          ...versionOptions(tlsMin),
          cert: chain,
          key: secret,
          ca: [],
          // Renegotiation would cost a client nothing and us a handshake, as often as it likes.
          secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
        });
        return { leaf, context };
      } catch (thrown) {
        throw new Error(`${cert} with ${key}: ${(thrown as Error).message}`);
      }
    });
  }
}
