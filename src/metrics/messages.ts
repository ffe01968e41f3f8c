/** What the thread that serves clients of POP3 and the thread that answers HTTP say to each other. */

import type { Snapshot } from "./snapshot";

/** With what the HTTP thread is started. */
export interface WorkerTerms {
  readonly host: string;
  readonly port: number;
  /** The hash of the token; null: nobody may end a session. */
  readonly token: Uint8Array | null;
}

/** To the HTTP thread. */
export type ToWorker =
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  | { readonly kind: "ended"; readonly call: number; readonly done: boolean }
  | { readonly kind: "token"; readonly token: Uint8Array | null }
  /** What was told before holds no longer. */
  | { readonly kind: "changed" };

/** From the HTTP thread. */
export type FromWorker =
  | { readonly kind: "listening"; readonly host: string; readonly port: number }
  | { readonly kind: "fault"; readonly fault: { readonly code?: string; readonly message: string } & object }
  | { readonly kind: "snapshot?" }
  | { readonly kind: "end"; readonly call: number; readonly id: string };
