/** Scans of mails, as a session sees them; scan/ has the scanner. */

import type { Until } from "../base/until";
import type { Connection, Sink } from "../connection/connection";

/** A mail that is to be scanned, for the log and for the notice. */
export interface ScannedMail {
  /** The session's id. */
  readonly session: string;
  /** The client's address; "" where there is no network. */
  readonly client: string;
  readonly user: string;
  readonly server: string;
  /** The command that it answers. */
  readonly command: string;
}

/** What the client gets of a scanned mail: the mail, a notice in its place, or a refusal. */
export type Verdict =
  | { readonly kind: "clean" }
  /** `notice` is the body of a response, with its last line. */
  | { readonly kind: "withheld"; readonly notice: string }
  | {
      readonly kind: "refused";
      readonly code: "scanner" | "scan-size" | "spool";
      /** The reason in words, for the log. */
      readonly reason: string;
      readonly reply: string;
    };

/** A scan of one mail: a sink for its octets, then a verdict on them. */
export interface Scan extends Sink {
  /**
   * Scans what was sent.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`
   */
  verdict(until: Until): Promise<Verdict>;
  /** Sends the mail on, octet by octet as it came. @throws Failure if the client is too slow */
  deliver(to: Connection): Promise<void>;
  /** Forgets the mail. */
  close(): Promise<void>;
}

/** The virus scanner. */
export interface Scanner {
  /** Resolves if it answers. @throws Failure if not */
  ready(): Promise<void>;
  /** Begins a scan. @param head the line that comes before the mail, without CRLF, and is not scanned */
  begin(mail: ScannedMail, head: string): Promise<Scan>;
}
