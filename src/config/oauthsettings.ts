/** Settings of OAuth: which accounts log in with tokens, and who issues the tokens. */

import type { TokenMechanism } from "../protocol/credentials";
import type { ServerAddress } from "./settings";

/** What the file of --oauth says. */
export interface OauthSettings {
  /** The file itself. */
  readonly file: string;
  /** The folder with a file for each account. */
  readonly store: string;
  readonly providers: readonly OauthProvider[];
}

/**
 * How a provider comes to issue tokens: after a login in a browser, on this machine (RFC 8252) or any (RFC 8628); or
 * for the gateway itself, by its secret (RFC 6749, 4.4) or by a key (RFC 7523).
 */
export type OauthFlow = "code" | "device" | "client-credentials" | "service-account";

/** Who issues tokens for some accounts. */
export interface OauthProvider {
  readonly name: string;
  /** Patterns of accounts (latin1), in lower case. */
  readonly accounts: readonly string[];
  /** Where the accounts are. */
  readonly server: ServerAddress;
  readonly mechanism: TokenMechanism;
  readonly flow: OauthFlow;
  readonly clientId: string;
  readonly clientSecret?: string;
  /** The file of the key of a service account. */
  readonly key?: string;
  readonly scope: string;
  readonly endpoints: OauthEndpoints;
}

/** The addresses of a provider, as URLs: those of its own, or the issuer that tells them (RFC 8414). */
interface OauthEndpoints {
  readonly issuer?: string;
  readonly authorization?: string;
  readonly device?: string;
  readonly token?: string;
}
