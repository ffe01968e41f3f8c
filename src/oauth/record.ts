/**
 * An account of the store, as its file has it. The tokens are sealed with AES-256-GCM under a key that scrypt
 * (RFC 7914) makes of the gateway password, so the file is of no use without it. The names of the account and of its
 * provider are authenticated with them: a file that has another account's name does not open.
 */

import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";

/** The cost of a key: 32 MiB of memory, and some 100 ms in a thread of libuv. */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const KEY_OCTETS = 32;
const SALT_OCTETS = 16;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

/** What the tokens are sealed for, besides the names. */
const PURPOSE = "pop3.proxy account 1";

/** The tokens of an account. */
export interface Tokens {
  /** Absent: the provider issues none, as for client credentials. */
  readonly refresh?: string;
  readonly access?: AccessToken;
}

/** A token that a server takes. */
export interface AccessToken {
  readonly token: string;
  /** Until when it is used, by Date.now(): some time before its end. */
  readonly until: number;
}

/** What is known of an account without its password. Times are ISO 8601. */
export interface AccountState {
  readonly account: string;
  /** The name of the provider. */
  readonly provider: string;
  /** When a person has authorized the gateway. */
  readonly authorized: string;
  /** When the provider has issued the last token. */
  readonly renewed?: string;
  /** Since when the provider refuses to issue tokens. */
  readonly refused?: string;
}

/** An account with its sealed tokens. */
export interface AccountRecord extends AccountState {
  /** In base64, as the next ones. */
  readonly salt: string;
  readonly nonce: string;
  /** The sealed tokens, with the tag behind them. */
  readonly sealed: string;
}

/** The key of an account. */
export interface AccountKey {
  readonly key: Buffer;
  /** In base64. */
  readonly salt: string;
}

/** Makes a key of a password, with a new salt. @param password latin1 */
export function newKey(password: string): Promise<AccountKey> {
  return deriveKey(password, randomBytes(SALT_OCTETS).toString("base64"));
}

/** Makes the key again. It takes some 100 ms, and does not block the event loop. @param password latin1 */
export function deriveKey(password: string, salt: string): Promise<AccountKey> {
  return new Promise((resolve, reject) => {
    const salted = Buffer.from(salt, "base64");
    scrypt(Buffer.from(password, "latin1"), salted, KEY_OCTETS, COST, (fault, key) => {
      if (fault) reject(fault);
      else resolve({ key, salt });
    });
  });
}

/** Seals tokens. */
export function seal(state: AccountState, { key, salt }: AccountKey, tokens: Tokens): AccountRecord {
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_OCTETS }).setAAD(bound(state));
  const text = Buffer.from(JSON.stringify(tokens), "utf8");
  const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return { ...state, salt, nonce: nonce.toString("base64"), sealed: sealed.toString("base64") };
}

/** Opens the tokens. @returns null: the key is of another password, or the file of another account */
export function unseal(record: AccountRecord, { key }: AccountKey): Tokens | null {
  const sealed = Buffer.from(record.sealed, "base64");
  const nonce = Buffer.from(record.nonce, "base64");
  if (nonce.length !== NONCE_OCTETS || sealed.length < TAG_OCTETS) return null;
  const end = sealed.length - TAG_OCTETS;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_OCTETS })
    .setAAD(bound(record))
    .setAuthTag(sealed.subarray(end));
  try {
    const text = Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    return JSON.parse(text.toString("utf8"));
  } catch {
    return null;
  }
}

/** What is authenticated with the tokens. JSON separates the names. */
function bound({ account, provider }: AccountState): Buffer {
  return Buffer.from(JSON.stringify([PURPOSE, account, provider]), "utf8");
}

/** A record of a file's text. @returns null: it is none */
export function parseRecord(text: string): AccountRecord | null {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof read !== "object" || read === null) return null;
  const record = read as Record<string, unknown>;
  const needed = ["account", "provider", "authorized", "salt", "nonce", "sealed"];
  const optional = ["renewed", "refused"];
  const known = Object.keys(record).every((key) => needed.includes(key) || optional.includes(key));
  const whole = needed.every((key) => key in record);
  const texts = Object.values(record).every((value) => typeof value === "string");
  return known && whole && texts ? (record as unknown as AccountRecord) : null;
}
