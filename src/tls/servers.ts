/**
 * TLS towards servers: the server's chain and name, or its pin, are verified before the gateway sends any command (the
 * manual's section "TLS").
 *
 * The constructor reads the files, before root is dropped. One context, which takes some milliseconds to make, is made
 * at the first use and serves all sessions. TLS sessions are kept for resumption, by server.
 */

import type { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import type { Duplex } from "node:stream";
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { isAddress, showHostPort } from "../base/address";
import type { SystemFault } from "../base/faults";
import { Recent } from "../base/recent";
import type { Warning } from "../base/warning";
import type { ServerSettings } from "../config/settings";
import { type CertificateEnd, certificateEnd, dateWarnings } from "./dates";
import { notPinned, pinOf, serverReason } from "./faults";
import { certificateIn, matching, naming, readPem } from "./pem";
import { serverVersionOptions } from "./versions";

/** The files of the system's authorities on Debian, Red Hat and Alpine. */
const BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/** The most servers whose TLS sessions are kept for resumption. */
const SESSIONS_BOUND = 1000;

/** How long TLS sessions may be resumed before the certificate is verified again, in milliseconds. */
const VERIFIED_AGE = 60 * 60 * 1000;

/** A TLS session to resume, which stands for the verified certificate until the time `until`, by Date.now(). */
interface Resumable {
  readonly session: Buffer;
  readonly until: number;
}

/** The server that is connected to; its certificate must have the name. */
export interface ServerName {
  /** The name that was looked up, or an address. */
  readonly host: string;
  readonly port: number;
}

/** TLS towards all servers of one service. */
export class ServerTls {
  readonly #pins: ReadonlySet<string>;
  readonly #options: SecureContextOptions;
  readonly #sessions = new Recent<Resumable>(SESSIONS_BOUND, VERIFIED_AGE);
  readonly #files: readonly string[];
  /** The file of the authorities, for messages. */
  readonly #authorities: string;
  /** The client certificate. */
  readonly #certificate: { readonly file: string; readonly leaf: X509Certificate } | null = null;
  #made: SecureContext | null = null;
  /** Called with each socket, whose handshake is still to come. */
  onSocket: ((tls: TLSSocket) => void) | null = null;

  /** @throws Error in one line, with the file, if a file can't be read or used */
  constructor({ ca, pins, certificate, tlsMin }: Pick<ServerSettings, "ca" | "pins" | "certificate" | "tlsMin">) {
    this.#pins = new Set(pins);
    this.#files = [...(ca === undefined ? [] : [ca]), ...(certificate ? [certificate.cert, certificate.key] : [])];
    const trusted = ca ?? systemBundle();
    this.#authorities = trusted ?? "Node's own list of authorities";
    this.#options = {
      ...serverVersionOptions(tlsMin),
      ...(trusted !== undefined && { ca: readPem(trusted) }),
      ...(certificate && { cert: readPem(certificate.cert), key: readPem(certificate.key) }),
    };
    // Files that the settings name are tried now, so that a fault in them prevents the start.
    // Node accepts a file of authorities without a certificate, and then trusts none.
    if (ca !== undefined) certificateIn(ca, this.#options.ca as Buffer);
    if (certificate) {
      const { cert, key } = this.#options;
      const leaf = matching(certificate, cert as Buffer, key as Buffer);
      this.#certificate = { file: certificate.cert, leaf };
    }
    if (this.#files.length > 0) naming(this.#files[0] as string, () => this.#context);
  }

  /** The files that were read, without the system's authorities. */
  get files(): readonly string[] {
    return this.#files;
  }

  /** When the client certificate ends; empty: there is none. */
  get ends(): CertificateEnd[] {
    return this.#certificate ? [certificateEnd(this.#certificate.file, this.#certificate.leaf)] : [];
  }

  /** The warnings for the start: a client certificate that is not valid now, or not much longer. */
  get warnings(): Warning[] {
    return this.#certificate ? dateWarnings(this.#certificate.file, this.#certificate.leaf) : [];
  }

  /** Connects with TLS from the beginning. @param tcp the options of node:net, with an address of the server */
  dial(tcp: ConnectionOptions, server: ServerName): TLSSocket {
    return this.#verified(connect({ ...tcp, ...this.#optionsFor(server) }), server);
  }

  /** Puts TLS over a connection that began in clear. */
  over(raw: Duplex, server: ServerName): TLSSocket {
    return this.#verified(connect({ host: server.host, ...this.#optionsFor(server), socket: raw }), server);
  }

  #optionsFor({ host, port }: ServerName): ConnectionOptions {
    const known = this.#sessions.get(showHostPort(host, port));
    const session = known && Date.now() < known.until ? known.session : null;
    return {
      secureContext: this.#context,
      // An address is no server name (RFC 6066, 3). Node checks that the certificate has the address all the same.
      ...(!isAddress(host) && { servername: host }),
      rejectUnauthorized: this.#pins.size === 0,
      ...(session && { session }),
    };
  }

  /** Checks the pin at the end of the handshake, and keeps the server's TLS sessions for resumption. */
  #verified(tls: TLSSocket, { host, port }: ServerName): TLSSocket {
    const name = showHostPort(host, port);
    let until = 0;
    let presented: Buffer | undefined;
    // Node verifies after this listener. What it finds wrong destroys the socket, and its certificate is unknown then.
    // getPeerX509Certificate would take the certificate away from that verification.
    tls.prependOnceListener("secure", () => {
      if (!tls.isSessionReused()) presented = tls.getPeerCertificate().raw;
    });
    tls.once("secureConnect", () => {
      // A resumed session keeps the time of the first one's verification.
      if (tls.isSessionReused()) until = this.#sessions.get(name)?.until ?? 0;
      else if (this.#pins.size === 0) until = verifiedUntil(tls.getPeerX509Certificate());
      else if (presented && this.#pins.has(pinOf(presented))) until = Date.now() + VERIFIED_AGE;
      else tls.destroy(new Error(notPinned(presented)));
    });
    // Those who report the fault show its reason, as with OpenSSL's own faults.
    tls.prependOnceListener("error", (fault: SystemFault) => {
      const refused = tls.authorizationError ? presented : undefined;
      const reason = serverReason(fault, { host, presented: refused, authorities: this.#authorities });
      Object.assign(fault, { reason });
    });
    tls.on("session", (session) => {
      if (Date.now() < until) this.#sessions.set(name, { session, until });
    });
    this.onSocket?.(tls);
    return tls;
  }

  /** The context of all sessions, made at the first use. */
  get #context(): SecureContext {
    this.#made ??= createSecureContext(this.#options);
    return this.#made;
  }
}

/** Until when a verified session may be resumed, by Date.now(): not beyond the certificate's last day. */
function verifiedUntil(certificate: X509Certificate | undefined): number {
  const until = Date.now() + VERIFIED_AGE;
  const last = Date.parse(certificate?.validTo ?? "");
  return last < until ? last : until;
}

/** A context that trusts the authorities of the system. @throws Error in one line, with the file */
export function systemContext(): SecureContext {
  const file = systemBundle();
  return createSecureContext({ ...serverVersionOptions("1.2"), ...(file !== undefined && { ca: readPem(file) }) });
}

/** The file of the authorities when no option names one: that of SSL_CERT_FILE, else the system's; undefined: none. */
function systemBundle(): string | undefined {
  return [process.env.SSL_CERT_FILE, ...BUNDLES].find((one) => one && existsSync(one));
}
