/** Faults of TLS in words for an administrator: OpenSSL's reasons, and what is wrong with a server's certificate. */

import { createHash, X509Certificate } from "node:crypto";
import { reasonOf, type SystemFault } from "../base/faults";

/** OpenSSL's reasons and alerts (RFC 8446, 6.2) in words. */
const WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/wrong version number|packet length too long|record layer failure/, "the answer is not TLS"],
  [/http request/, "the peer speaks HTTP"],
  [/alert protocol version|unsupported protocol|version too low/, "no TLS version that both sides permit"],
  [/no shared cipher|no ciphers available/, "no cipher that both sides permit"],
  [/alert handshake failure/, "the peer finds no version, cipher or certificate that both sides permit"],
  [/dh key too small|ee key too small|ca key too small/, "the peer's key is too small for TLS of today"],
  [/md too weak|wrong signature type/, "the peer's signatures are too weak for TLS of today"],
  [/unsafe legacy renegotiation/, "the peer has no secure renegotiation (RFC 5746)"],
  [/alert unknown ca/, "the peer does not know the authority of our certificate"],
  [/alert certificate expired/, "the peer finds that our certificate has expired"],
  [
    /alert (?:bad certificate|certificate unknown|unsupported certificate|certificate revoked)/,
    "the peer refuses our certificate",
  ],
  [/alert certificate required/, "the peer demands a certificate of ours"],
  [/alert unrecognized name/, "the peer has no certificate for this name"],
  [/alert no application protocol|no application protocol/, "the peer speaks another protocol over TLS (ALPN)"],
  [/unexpected eof/, "the connection was closed without an end of TLS"],
  [/unexpected message|alert internal error|decode error|bad record mac/, "the peer does not keep to TLS"],
];

/** What old servers need, by their faults. */
const OLD = /alert protocol version|unsupported protocol|too small|too weak|wrong signature type|unsafe legacy/;

const OLDER = "--server-tls-min 1.0 would accept old servers";

/** Why a handshake has failed, in words. */
export function tlsReason(fault: SystemFault): string {
  const { reason } = fault;
  if (reason === undefined) return reasonOf(fault);
  return WORDS.find(([pattern]) => pattern.test(reason))?.[1] ?? reason;
}

/** What is known of a server whose certificate, or whose TLS, was refused. */
interface About {
  /** The name that the certificate must have. */
  readonly host: string;
  /** Its certificate in DER; undefined: it was not refused for it. */
  readonly presented: Buffer | undefined;
  /** The file of the authorities that are trusted. */
  readonly authorities: string;
}

/** Why TLS with a server has failed, in words, with what mends it. */
export function serverReason(fault: SystemFault, { host, presented, authorities }: About): string {
  const { code = "", reason = "" } = fault;
  if (/wrong version number|packet length too long/.test(reason)) {
    return `${tlsReason(fault)}: if it is POP3 in clear, say --server-tls none or starttls, or /none or /starttls behind the server`;
  }
  if (OLD.test(reason)) return `${tlsReason(fault)}; ${OLDER}`;
  if (/alert certificate required/.test(reason)) return `${tlsReason(fault)}; see --server-cert`;
  if (!presented || code === "" || code.startsWith("ERR_SSL_")) return tlsReason(fault);
  const certificate = new X509Certificate(presented);
  const { subject, issuer, validFrom, validTo } = certificate;
  const who = `certificate of ${oneLine(subject)}, issued by ${oneLine(issuer)}`;
  const pin = `--server-pin ${pinOf(presented)} trusts this key alone`;
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return `${who}: expired on ${validTo}; ${pin}`;
    case "CERT_NOT_YET_VALID":
      return `${who}: not valid before ${validFrom}; is the clock right?`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `${who}: signed by itself; ${pin}`;
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `${who}: its authority is not in ${authorities}; name a file that has it with --server-ca, or ${pin}`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `${who}: it is for ${certificate.subjectAltName ?? oneLine(subject)}, not for ${host}; ${pin}`;
    default:
      return `${who}: ${fault.message}; ${OLD.test(fault.message) ? OLDER : pin}`;
  }
}

/** Why a server whose key is not pinned was refused. @param presented its certificate in DER */
export function notPinned(presented: Buffer | undefined): string {
  const now = presented ? `; it is ${pinOf(presented)} now` : "";
  return `the server's public key is not the one that was pinned${now}`;
}

/** The SHA-256 of a certificate's public key (SPKI), in hex, as --server-pin takes it. @param der the certificate */
export function pinOf(der: Buffer): string {
  const { publicKey } = new X509Certificate(der);
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

function oneLine(name: string): string {
  return name.replaceAll("\n", ", ");
}
