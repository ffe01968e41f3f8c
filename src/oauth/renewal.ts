/**
 * The renewal of an account's tokens, in a process of its own. A provider that rotates refresh tokens takes the old one
 * no more when it has sent the new one. Between these two moments the gateway may end, by a crash or by kill -9: this
 * process goes on until the new token is stored. It gets its request on standard input, and answers on standard output.
 *
 * Whatever process asks, one renews at a time: the others then find a fresh token in the store.
 */

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { inWords } from "../base/faults";
import { lock } from "../process/lock";
import { type KeyedProvider, NOT_USABLE, Provider } from "./provider";
import { ProviderFault } from "./providerfault";
import { type AccessToken, type AccountRecord, seal, type Tokens, unseal } from "./record";
import { Store } from "./store";

/** The variable by which the process knows what it is for. */
export const RENEWAL_MARK = "POP3_PROXY_RENEWAL";

/** How long the process waits while another one renews the same account, in milliseconds. */
const LOCK_PATIENCE = 60_000;

/** The longest life of the process, in milliseconds: the lock, discovery and one request take 30 s less. */
const LIFE = LOCK_PATIENCE + 90_000;

/** The signals that the gateway handles (app/signals.ts); SIGUSR1 is ignored from the start of each process on. */
const IGNORED: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR2"];

/** What is to be renewed. */
export interface RenewalRequest {
  /** The folder of the store. */
  readonly store: string;
  readonly account: string;
  readonly provider: KeyedProvider;
  /** In base64, as the salt. */
  readonly key: string;
  readonly salt: string;
  /** `fingerprint` of an access token that the server has refused; absent: none. */
  readonly refused?: string;
}

/** What has come of it. */
export type RenewalAnswer =
  /** `unstored`: the tokens are good, but why they could not be stored. */
  | { readonly kind: "token"; readonly access: AccessToken; readonly unstored?: string }
  | { readonly kind: "none"; readonly fault: "expired" | "refused" | "unavailable" | "store"; readonly why: string };

const UNUSABLE: RenewalAnswer = { kind: "none", fault: "refused", why: NOT_USABLE };
const LATE: RenewalAnswer = { kind: "none", fault: "unavailable", why: "no answer in time" };

/** Whether this process is to renew tokens. */
export function isRenewal(): boolean {
  return process.env[RENEWAL_MARK] !== undefined;
}

/** A name of a token that tells nothing of it. */
export function fingerprint(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

/** Whether an access token may still be used. */
export function isAlive({ until }: AccessToken): boolean {
  return Date.now() < until;
}

/** Does what the request on standard input says. Never rejects. */
export async function renewFromInput(): Promise<void> {
  // What is sent to the gateway, or to all of its unit, must not end this; a reader that has left does not matter.
  for (const signal of IGNORED) process.on(signal, () => {});
  process.stdout.on("error", () => {});
  let answer: RenewalAnswer;
  try {
    // Whatever does not end would keep the account locked.
    answer = await Promise.race([renewTokens(JSON.parse(await input())), pause(LIFE, LATE)]);
  } catch (thrown) {
    answer = { kind: "none", fault: "store", why: inWords(thrown as Error) };
  }
  await new Promise<void>((resolve) => process.stdout.write(JSON.stringify(answer), () => resolve()));
}

async function input(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** Renews, unless another process has done so. @throws Error in one line if the store can't be used */
export async function renewTokens(request: RenewalRequest): Promise<RenewalAnswer> {
  const { account } = request;
  const store = new Store(request.store);
  const release = await lock(store.folder, Store.fileOf(account), LOCK_PATIENCE);
  if (!release) return { kind: "none", fault: "unavailable", why: "another process has been renewing for too long" };
  try {
    return await renewedAlone(store, request);
  } finally {
    await release();
  }
}

async function renewedAlone(store: Store, request: RenewalRequest): Promise<RenewalAnswer> {
  const { account, provider, refused } = request;
  const key = { key: Buffer.from(request.key, "base64"), salt: request.salt };
  const record = await store.read(account);
  const before = record && unseal(record, key);
  if (!record || !before)
    return { kind: "none", fault: "store", why: "the account has been authorized anew meanwhile" };
  const { access } = before;
  const known = access && isAlive(access) && fingerprint(access.token) !== refused;
  if (known) return { kind: "token", access };
  const reserved = await store.reserve(account);
  let after: Tokens;
  try {
    after = await (await Provider.open(provider)).renew(account, before);
  } catch (thrown) {
    const { kind, message } =
      thrown instanceof ProviderFault ? thrown : { kind: "unavailable" as const, message: inWords(thrown as Error) };
    const since = new Date().toISOString();
    const told: AccountRecord | null =
      kind === "expired" && record.refused === undefined ? { ...record, refused: since } : null;
    await (told ? reserved.commit(told).catch(() => {}) : reserved.cancel());
    return { kind: "none", fault: kind, why: message };
  }
  const { access: issued } = after;
  if (!issued && after.refresh === before.refresh) {
    await reserved.cancel();
    return UNUSABLE;
  }
  const { refused: _, ...state } = stateOf(record);
  const unstored = await reserved.commit(seal({ ...state, renewed: new Date().toISOString() }, key, after)).then(
    () => null,
    (thrown: Error) => thrown.message,
  );
  return issued ? { kind: "token", access: issued, ...(unstored !== null && { unstored }) } : UNUSABLE;
}

/** What a record says without its tokens. */
function stateOf({ salt, nonce, sealed, ...state }: AccountRecord): Omit<AccountRecord, "salt" | "nonce" | "sealed"> {
  return state;
}
