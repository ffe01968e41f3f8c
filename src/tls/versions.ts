/**
 * The options for the lowest TLS version. Below TLS 1.2 OpenSSL's security level must be 0, too: at level 1 it permits
 * no signature algorithm that TLS 1.0 could use.
 */

import type { SecureContextOptions } from "node:tls";
import type { TlsVersion } from "../config/settings";

/** The options of a secure context for a lowest version. */
export function versionOptions(lowest: TlsVersion): SecureContextOptions {
  if (lowest === "1.3") return { minVersion: "TLSv1.3" };
  if (lowest === "1.2") return { minVersion: "TLSv1.2" };
  return { minVersion: lowest === "1.0" ? "TLSv1" : "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
}
