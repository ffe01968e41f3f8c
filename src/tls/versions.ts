/**
 * The lowest TLS version, as OpenSSL wants to be told. Below 1.2 its security level has to go down, too: at level 1 it
 * has no signature that TLS 1.0 could use.
 */

import type { SecureContextOptions } from "node:tls";
import type { TlsVersion } from "../config/settings";

/** The part of a secure context's options that is about versions. */
export function versionOptions(lowest: TlsVersion): SecureContextOptions {
  if (lowest === "1.3") return { minVersion: "TLSv1.3" };
  if (lowest === "1.2") return { minVersion: "TLSv1.2" };
  return { minVersion: lowest === "1.0" ? "TLSv1" : "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
}
