/**
 * The tokens of the accounts that log in by OAuth. The client's password opens the account; the access token is kept
 * until it ends, and is renewed once for all sessions that wait for it.
 *
 * The key of a password takes some 100 ms (record.ts). So for an account whose password has been right, a keyed hash of
 * it is kept, by which the next login is judged at once: a wrong password costs next to nothing then. It is of the same
 * use to a thief as the token that is kept beside it.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { inWords } from "../base/faults";
import { Recent } from "../base/recent";
import { type Until, unlessAborted } from "../base/until";
import type { OauthProvider, OauthSettings } from "../config/oauthsettings";
import { secretText } from "../process/secretfile";
import { Keys } from "./keys";
import type { KeyedProvider } from "./provider";
import { type AccessToken, type AccountRecord, unseal } from "./record";
import { fingerprint, isAlive, type RenewalAnswer } from "./renewal";
import type { Renewals } from "./renewals";
import { accountName, Store } from "./store";

/** How many accounts are remembered, and how long, in milliseconds. */
const BOUND = 10_000;
const AGE = 24 * 60 * 60 * 1000;

/** How long a provider that has withdrawn an authorization is not asked again, in milliseconds. */
const EXPIRED_AGE = 60_000;

/** What is known of an account, since its password has been right. */
interface KnownAccount {
  /** The salt of the record that the password was right for. */
  readonly salt: string;
  readonly hash: Buffer;
  readonly access: AccessToken;
}

/** An account whose password has been right, and whose authorization the provider has withdrawn. */
interface ExpiredAccount {
  readonly hash: Buffer;
  /** The sealed tokens that the provider was asked with. */
  readonly sealed: string;
  readonly answer: NoToken;
}

/** What the process remembers of all accounts; a reload keeps it. */
export class VaultMemory {
  readonly known = new Recent<KnownAccount>(BOUND, AGE);
  readonly expired = new Recent<ExpiredAccount>(BOUND, EXPIRED_AGE);
  readonly flights = new Map<string, Promise<VaultAnswer>>();
  readonly keys = new Keys();
  readonly secret = randomBytes(32);

  constructor(readonly renewals: Pick<Renewals, "renew">) {}
}

/** A login by OAuth. */
interface OauthLogin {
  readonly account: string;
  /** The name of its provider. */
  readonly provider: string;
  /** latin1 */
  readonly password: string;
  /** An access token that the server has refused. */
  readonly refused?: string;
}

/** A login that the store is opened for. */
interface OpenLogin extends OauthLogin {
  /** Whether its password is known to be right. */
  readonly isKnown: boolean;
}

/** A token, or why there is none. */
export type VaultAnswer =
  | {
      readonly kind: "token";
      readonly token: string;
      /** Whether the provider has issued it for this login, or for one at the same time. */
      readonly issued: boolean;
      /** Why it could not be stored. */
      readonly unstored?: string;
    }
  | NoToken;

/** Why there is no token. */
export interface NoToken {
  readonly kind: "none";
  readonly fault: "unauthorized" | "password" | "expired" | "refused" | "unavailable" | "store" | "busy";
  readonly why: string;
}

/** The tokens of one service. */
export class Vault {
  readonly store: Store;
  readonly #providers = new Map<string, KeyedProvider>();

  /**
   * @param memory may be that of several services
   * @throws Error in one line, with the file, if the file of a key can't be read
   */
  constructor(
    readonly settings: OauthSettings,
    private readonly memory: VaultMemory,
  ) {
    this.store = new Store(settings.store);
    for (const provider of settings.providers) this.#providers.set(provider.name, withKey(provider));
  }

  /** A provider with the text of its key. @param name of one of the settings */
  keyed(name: string): KeyedProvider {
    return this.#providers.get(name) as KeyedProvider;
  }

  /**
   * The access token of an account.
   *
   * @param until gives up, with its reason; a renewal goes on
   * @throws the reason of `until`
   */
  async token(login: OauthLogin, until: Until): Promise<VaultAnswer> {
    const account = accountName(login.account);
    const record = await this.authorized(account, login.provider);
    if ("fault" in record) return record;
    const { salt } = record;
    const hash = this.#hashOf(account, salt, login.password);
    const id = JSON.stringify([this.settings.store, account]);
    const known = this.memory.known.get(id);
    const isKnown = known?.salt === salt;
    if (isKnown) {
      if (!timingSafeEqual(known.hash, hash)) return WRONG;
      const { access } = known;
      if (isAlive(access) && access.token !== login.refused)
        return { kind: "token", token: access.token, issued: false };
    }
    const expired = this.memory.expired.get(id);
    if (expired?.sealed === record.sealed && timingSafeEqual(expired.hash, hash)) return expired.answer;
    // Logins with one password wait for one answer. It must not end with the first of them.
    const refused = login.refused === undefined ? "" : fingerprint(login.refused);
    const flight = `${id} ${hash.toString("base64")} ${refused}`;
    const running =
      this.memory.flights.get(flight) ?? this.#begin(flight, id, { ...login, account, isKnown }, record, hash);
    return unlessAborted(running, until);
  }

  /** The record of an account, or why it can't log in. @param provider the name of its provider */
  async authorized(account: string, provider: string): Promise<AccountRecord | NoToken> {
    let record: AccountRecord | null;
    try {
      record = await this.store.read(account);
    } catch (thrown) {
      return { kind: "none", fault: "store", why: (thrown as Error).message };
    }
    if (record?.provider === provider) return record;
    // A disk that is not mounted must not look as if no account were authorized.
    if (!record && !this.store.exists) {
      return { kind: "none", fault: "store", why: `${this.store.folder}: there is no such folder` };
    }
    const why = record ? `it is authorized with the provider ${record.provider}` : "it was never authorized";
    return { kind: "none", fault: "unauthorized", why };
  }

  #begin(flight: string, id: string, login: OpenLogin, record: AccountRecord, hash: Buffer): Promise<VaultAnswer> {
    const { flights } = this.memory;
    const running = this.#opened(id, login, record, hash)
      .catch((thrown: Error): VaultAnswer => ({ kind: "none", fault: "store", why: inWords(thrown) }))
      .finally(() => flights.delete(flight));
    flights.set(flight, running);
    return running;
  }

  /** Opens the account with the password, and renews its token if need be. */
  async #opened(id: string, login: OpenLogin, record: AccountRecord, hash: Buffer): Promise<VaultAnswer> {
    const { memory } = this;
    const { password, isKnown } = login;
    const { keys } = memory;
    const key = await (isKnown ? keys.makeKnown(password, record.salt) : keys.make(id, password, record.salt));
    if (!key) return { kind: "none", fault: "busy", why: "too many passwords at once are to be tried" };
    const tokens = unseal(record, key);
    if (!tokens) return WRONG;
    const { access } = tokens;
    const know = (one: AccessToken) => memory.known.set(id, { salt: record.salt, hash, access: one });
    if (access && isAlive(access) && access.token !== login.refused) {
      know(access);
      return { kind: "token", token: access.token, issued: false };
    }
    const { account, provider, refused } = login;
    const answer = await memory.renewals.renew({
      store: this.settings.store,
      account,
      provider: this.keyed(provider),
      key: key.key.toString("base64"),
      salt: key.salt,
      ...(refused !== undefined && { refused: fingerprint(refused) }),
    });
    if (answer.kind === "token") know(answer.access);
    else if (answer.fault === "expired") memory.expired.set(id, { hash, sealed: record.sealed, answer });
    return answered(answer);
  }

  #hashOf(account: string, salt: string, password: string): Buffer {
    const hash = createHmac("sha256", this.memory.secret);
    return hash.update(JSON.stringify([this.settings.store, account, salt, password])).digest();
  }
}

const WRONG: VaultAnswer = { kind: "none", fault: "password", why: "wrong gateway password" };

function answered(answer: RenewalAnswer): VaultAnswer {
  if (answer.kind === "none") return answer;
  const { access, unstored } = answer;
  return { kind: "token", token: access.token, issued: true, ...(unstored !== undefined && { unstored }) };
}

/** A provider with its key, which is read before root is dropped. @throws Error in one line, with the file */
function withKey(provider: OauthProvider): KeyedProvider {
  return provider.key === undefined ? provider : { ...provider, keyText: secretText(provider.key) };
}
