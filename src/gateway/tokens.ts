/** Logins with tokens of OAuth: which accounts have them, and what the vault's answers mean for a session. */

import { Patterns } from "../access/patterns";
import { type Accounts, placeOf } from "../access/routing";
import { lowered } from "../base/lowered";
import { quote } from "../base/quote";
import type { Until } from "../base/until";
import type { OauthProvider, OauthSettings } from "../config/oauthsettings";
import type { Emit } from "../log/events";
import { type NoToken, Vault, type VaultMemory } from "../oauth/vault";
import { replies } from "../protocol/replies";
import { type Denial, denial, type Route, type Visitor } from "../session/needs";

/** Who logs in, for the log. */
export type TokenOrigin = Pick<Visitor, "id" | "clientAddress">;

/** The logins with tokens of one service. */
export class TokenLogins implements Accounts {
  readonly vault: Vault;
  readonly #patterns = new Patterns<OauthProvider>();
  readonly #emit: Emit;

  /** @throws Error in one line, with the file, if a file can't be read */
  constructor(settings: OauthSettings, memory: VaultMemory, emit: Emit) {
    this.vault = new Vault(settings, memory);
    this.#emit = emit;
    for (const provider of settings.providers) {
      for (const pattern of provider.accounts) this.#patterns.add(pattern, provider);
    }
  }

  /** The provider of an account; undefined: it logs in without a token. */
  providerOf(account: string): OauthProvider | undefined {
    return this.#patterns.first(lowered(account));
  }

  find(name: string): ReturnType<Accounts["find"]> {
    const provider = this.providerOf(name);
    if (!provider) return null;
    const because = `provider ${provider.name} of ${this.vault.settings.file}`;
    return { provider: provider.name, server: provider.server, because };
  }

  /** As `Needs.withToken`. */
  async withToken(who: TokenOrigin, route: Route, until: Until, refused?: string): Promise<Route | Denial> {
    const { account, secret } = route;
    const provider = this.#providerNamed(account?.provider);
    // A client that has brought a token of its own needs no other.
    if (!account || !provider || secret.kind === "token") return route;
    const { host, port, tls } = placeOf(provider.server, undefined);
    if (route.host !== host || route.port !== port || route.tls !== tls) {
      const reason = `access control answers another server or other TLS, and a token is for ${provider.name} alone`;
      return { ...denial("acp-answer", reason, replies.misconfigured), temporary: true };
    }
    const login = { account: account.name, provider: provider.name, password: secret.password };
    const answer = await this.vault.token({ ...login, ...(refused !== undefined && { refused }) }, until);
    if (answer.kind === "none") return this.#denialOf(answer, account.name, provider);
    const { token, issued, unstored } = answer;
    if (unstored !== undefined) {
      const after = "when it ends, a provider that replaces refresh tokens wants --authorize again";
      const reason = `the new tokens of ${account.name} could not be stored: ${unstored}; ${after}`;
      this.#emit("oauthUnstored", { code: "oauth-store", reason }, { session: who.id, client: who.clientAddress });
    }
    const { mechanism } = provider;
    return { ...route, secret: { kind: "token", mechanism, token }, way: mechanism, account: { ...account, issued } };
  }

  /** Why the account of a route can't log in, whatever the password is; null: it can, as far as the store says. */
  async standing({ account }: Route): Promise<Denial | null> {
    const provider = this.#providerNamed(account?.provider);
    if (!account || !provider) return null;
    const found = await this.vault.authorized(account.name, provider.name);
    return "fault" in found ? this.#denialOf(found, account.name, provider) : null;
  }

  #providerNamed(name: string | undefined): OauthProvider | undefined {
    return this.vault.settings.providers.find((one) => one.name === name);
  }

  #denialOf({ fault, why }: NoToken, account: string, { name }: OauthProvider): Denial {
    const { file } = this.vault.settings;
    const authorize = `pop3.proxy --oauth ${file} --authorize ${quote(account)}`;
    switch (fault) {
      case "unauthorized": {
        const reason = `provider ${name}: ${why}; authorize it by: ${authorize}`;
        // It counts as refused: a stranger might find out which accounts there are.
        return { ...denial("oauth-unauthorized", reason, replies.notAuthorized), temporary: false };
      }
      case "password":
        return denial("oauth-password", why, replies.wrongPassword);
      case "expired": {
        const reason = `provider ${name} has withdrawn the authorization: ${why}; renew it by: ${authorize}`;
        return denial("oauth-expired", reason, replies.authorizationExpired);
      }
      case "refused": {
        const reason = `provider ${name} refuses the gateway: ${why}; compare ${file} with its registration there`;
        return denial("oauth-provider", reason, replies.providerUnavailable);
      }
      case "unavailable":
        return denial("oauth-provider", `provider ${name} can't be asked: ${why}`, replies.providerUnavailable);
      case "store":
        return denial("oauth-store", `no token: ${why}`, replies.storeUnavailable);
      case "busy":
        return denial("login-delay", why, replies.loginDelay);
    }
  }
}
