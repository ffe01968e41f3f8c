/** Reads and checks PEM files (RFC 7468) of certificates and keys. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { reasonOf } from "../base/faults";
import { readRegular } from "../base/regularfile";
import type { CertificateFiles } from "../config/settings";

const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;
const KEY = /^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/m;
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;
/** The most octets of a file: the authorities of a system have some 200,000. */
const BOUND = 16 * 1024 * 1024;
/** The first octet of DER, and of PKCS #12. */
const DER = 0x30;

/** The content of a file. @throws Error in one line, with the file */
export function readPem(file: string): Buffer {
  return naming(file, () => readRegular(file, BOUND));
}

/** The first certificate of a chain. @throws Error in one line, with the file */
export function certificateIn(file: string, pem: Buffer): X509Certificate {
  return naming(file, () => {
    if (CERTIFICATE.test(pem.toString("latin1"))) return intact("certificate", () => new X509Certificate(pem));
    if (KEY.test(pem.toString("latin1"))) throw new Error("a certificate is needed here, and the file holds a key");
    throw new Error(`no certificate in PEM is in the file${converted(pem, "x509")}`);
  });
}

/** @throws Error in one line, with the file */
function keyIn(file: string, pem: Buffer): KeyObject {
  return naming(file, () => {
    const text = pem.toString("latin1");
    if (ENCRYPTED.test(text)) {
      throw new Error("the key is encrypted; openssl pkey -in FILE -out NEW writes it without a passphrase");
    }
    if (KEY.test(text)) return intact("key", () => createPrivateKey(pem));
    if (CERTIFICATE.test(text)) throw new Error("a key is needed here, and the file holds a certificate");
    throw new Error(`no key in PEM is in the file${converted(pem, "pkey")}`);
  });
}

function intact<Read>(what: string, read: () => Read): Read {
  try {
    return read();
  } catch {
    throw new Error(`the ${what} in the file is damaged, or of a kind that OpenSSL does not read`);
  }
}

function converted(pem: Buffer, command: string): string {
  return pem[0] === DER ? `; if it is DER, openssl ${command} -inform DER -in FILE -out NEW makes PEM of it` : "";
}

/**
 * The first certificate of a chain, if it has this key. OpenSSL itself accepts a certificate and a key of different
 * kinds, and then fails at each handshake.
 *
 * @throws Error in one line, with the file, if the key is not the certificate's, or if one of them can't be used
 */
export function matching({ cert, key }: CertificateFiles, chain: Buffer, secret: Buffer): X509Certificate {
  const leaf = certificateIn(cert, chain);
  if (!leaf.checkPrivateKey(keyIn(key, secret))) {
    throw new Error(`${key}: the key is not that of the certificate in ${cert}`);
  }
  return leaf;
}

/** Calls `act`. @param what the files that it reads or uses @throws its Error, with the files before the message */
export function naming<Result>(what: string, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw new Error(`${what}: ${reasonOf(thrown as Error)}`);
  }
}
