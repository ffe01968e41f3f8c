/** The dates of certificates. */

import type { X509Certificate } from "node:crypto";
import type { Warning } from "../base/warning";

/** How long before its last day a certificate is worth a warning, in milliseconds. */
const SOON = 14 * 24 * 60 * 60 * 1000;

/** When a certificate ends. */
export interface CertificateEnd {
  readonly file: string;
  /** The first name that it has. */
  readonly name: string;
  /** By Date.now(). */
  readonly until: number;
}

/** When a certificate ends. @param file where it is */
export function certificateEnd(file: string, { subject, subjectAltName, validTo }: X509Certificate): CertificateEnd {
  const named = /(?:^|, )(?:DNS|IP Address):([^,]+)/.exec(subjectAltName ?? "")?.[1];
  const name = named ?? /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");
  return { file, name, until: Date.parse(validTo) };
}

/** What is to be warned of: a certificate that is not valid now, or not much longer. @param file where it is */
export function dateWarnings(file: string, { validFrom, validTo }: X509Certificate, now = Date.now()): Warning[] {
  const last = Date.parse(validTo);
  if (now < Date.parse(validFrom) || last < now) {
    const reason = `${file}: not valid at this time, from ${validFrom} to ${validTo}`;
    return [{ code: "certificate-invalid", reason }];
  }
  if (last - now > SOON) return [];
  return [{ code: "certificate-ends", reason: `${file}: valid until ${validTo} only` }];
}
