/**
 * A provider, by openid-client: what its flows (RFC 6749, 7523, 8252, 8628) ask of it, and what its answers mean.
 * openid-client loads when a provider is opened, so that nothing else waits for it.
 */

import { isLoopback } from "../base/address";
import { now } from "../base/clock";
import type { OauthProvider } from "../config/oauthsettings";
import { assertionOf } from "./assertion";
import { httpFetch } from "./httpfetch";
import { faultsOf, type OpenId, ProviderFault, printable } from "./providerfault";
import type { AccessToken, Tokens } from "./record";
import { shownName } from "./store";

const CODE_EXPIRED = "the code has expired before the login: start again";

/** How long one request may take, in seconds. */
const PATIENCE = 30;

/** How long before its end an access token is replaced, in seconds; one that lives shortly is used for half of that. */
const MARGIN = 60;

/** How long an access token holds if the provider does not say it, in seconds. */
const USUAL_LIFE = 3600;

/** How long an access token, or the code of a device, holds at most, in seconds: timers and dates take no more. */
const LONGEST_LIFE = 24 * 3600;

/** A token as RFC 6750, 2.1 has it: no other octets get into the dialogue with a server. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;

/** The longest token, in octets: with base64 and the name, a line of AUTH takes it. */
const TOKEN_BOUND = 8192;

type OpenIdConfiguration = InstanceType<OpenId["Configuration"]>;
type ServerMetadata = ConstructorParameters<OpenId["Configuration"]>[0];

/** Why an access token is no use. */
export const NOT_USABLE = "it issues no usable token";

/** A provider with the text of its key, if it has one. */
export interface KeyedProvider extends OauthProvider {
  readonly keyText?: string;
}

/** What a person does elsewhere, so that the provider trusts the gateway. */
interface DeviceLogin {
  readonly address: string;
  readonly code: string;
  /** Resolves when the person has done it. @throws ProviderFault */
  done(): Promise<Tokens>;
}

/** A login in a browser, whose result comes with an address of `redirect`. */
export interface BrowserLogin {
  readonly address: string;
  /** Whether an address belongs to this login. */
  isResult(result: URL): boolean;
  /** @param result the address that the browser has been sent to @throws ProviderFault */
  done(result: URL): Promise<Tokens>;
}

/** A provider whose endpoints are known. */
export class Provider {
  private constructor(
    private readonly openid: OpenId,
    private readonly config: OpenIdConfiguration,
    private readonly provider: KeyedProvider,
  ) {}

  /** Finds the endpoints, if the provider's issuer tells them. @throws ProviderFault */
  static async open(provider: KeyedProvider): Promise<Provider> {
    const openid = await import("openid-client");
    return faultsOf(openid, async () => new Provider(openid, await configurationOf(openid, provider), provider));
  }

  /**
   * New tokens without a person, without an access token if that is not usable.
   *
   * @param tokens of before
   * @throws ProviderFault
   */
  async renew(account: string, tokens: Tokens): Promise<Tokens> {
    const { flow, scope } = this.provider;
    const { openid, config } = this;
    return faultsOf(openid, async () => {
      if (flow === "client-credentials") return tokensOf(await openid.clientCredentialsGrant(config, { scope }), {});
      if (flow === "service-account") {
        const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        const to = config.serverMetadata().token_endpoint ?? "";
        const assertion = assertionOf(this.provider, shownName(account), to);
        return tokensOf(await openid.genericGrantRequest(config, grant, { assertion }), {});
      }
      if (tokens.refresh === undefined) throw new ProviderFault("expired", "no refresh token is stored");
      // Microsoft refuses a request without the scope.
      return tokensOf(await openid.refreshTokenGrant(config, tokens.refresh, { scope }), tokens);
    });
  }

  /** Begins a login on another device (RFC 8628). @throws ProviderFault */
  async device(): Promise<DeviceLogin> {
    const { openid, config } = this;
    const { scope } = this.provider;
    const begun = await faultsOf(openid, () => openid.initiateDeviceAuthorization(config, { scope }));
    const ends = now() + Math.min(begun.expires_in, LONGEST_LIFE) * 1000;
    const poll = (signal: AbortSignal) =>
      faultsOf(openid, async () =>
        lasting(tokensOf(await openid.pollDeviceAuthorizationGrant(config, begun, {}, { signal }), {})),
      );
    const done = async (): Promise<Tokens> => {
      for (;;) {
        const left = ends - now();
        if (left <= 0) throw new ProviderFault("expired", CODE_EXPIRED);
        const late = AbortSignal.timeout(Math.ceil(left));
        try {
          return await poll(late);
        } catch (thrown) {
          if (late.aborted) throw new ProviderFault("expired", CODE_EXPIRED);
          // A provider that is down for a moment does not end the login (RFC 8628, 3.5): polling goes on.
          if (!(thrown instanceof ProviderFault) || thrown.kind !== "unavailable" || now() >= ends) throw thrown;
        }
      }
    };
    return { address: shownAddress(begun.verification_uri), code: printable(begun.user_code), done };
  }

  /** Begins a login in a browser (RFC 8252, with PKCE). @param redirect the address that gets the result */
  async browser(redirect: string, account: string): Promise<BrowserLogin> {
    const { openid, config } = this;
    const { scope } = this.provider;
    const verifier = openid.randomPKCECodeVerifier();
    const state = openid.randomState();
    const parameters = {
      redirect_uri: redirect,
      scope,
      state,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      login_hint: shownName(account),
      // With both, Google issues a refresh token each time; others ignore the first.
      access_type: "offline",
      prompt: "consent",
    };
    const address = openid.buildAuthorizationUrl(config, parameters).href;
    const isResult = (result: URL) => result.searchParams.get("state") === state;
    const done = (given: URL) =>
      faultsOf(openid, async () => {
        const result = new URL(given);
        // Without an issuer in the file there is nothing to compare it with: Google's token endpoint is elsewhere.
        if (this.provider.endpoints.issuer === undefined) result.searchParams.delete("iss");
        const checks = { pkceCodeVerifier: verifier, expectedState: state };
        return lasting(tokensOf(await openid.authorizationCodeGrant(config, result, checks), {}));
      });
    return { address, isResult, done };
  }
}

async function configurationOf(openid: OpenId, provider: OauthProvider): Promise<OpenIdConfiguration> {
  const { clientId, clientSecret, endpoints } = provider;
  const proof = clientSecret === undefined ? openid.None() : openid.ClientSecretPost(clientSecret);
  const { issuer, authorization, device, token } = endpoints;
  if (issuer !== undefined) {
    // Plain HTTP is permitted for this machine alone (secureUrl of config/oauthvalues.ts).
    const execute = isLoopback(new URL(issuer).hostname.replace(/^\[|\]$/g, "")) ? [openid.allowInsecureRequests] : [];
    const options = { execute, timeout: PATIENCE, [openid.customFetch]: httpFetch };
    return openid.discovery(new URL(issuer), clientId, clientSecret, proof, options);
  }
  const metadata: ServerMetadata = {
    issuer: new URL(token as string).origin,
    token_endpoint: token as string,
    ...(authorization !== undefined && { authorization_endpoint: authorization }),
    ...(device !== undefined && { device_authorization_endpoint: device }),
  };
  const config = new openid.Configuration(metadata, clientId, clientSecret, proof);
  config.timeout = PATIENCE;
  config[openid.customFetch] = httpFetch;
  openid.allowInsecureRequests(config);
  return config;
}

/** What a token endpoint has answered. */
interface Issued {
  readonly access_token: string;
  readonly expires_in?: number | undefined;
  readonly refresh_token?: string | undefined;
}

/**
 * The tokens of an answer. Without a usable access token there may be a new refresh token, which is to be kept.
 *
 * @param before of which the refresh token stays, unless there is a new one
 */
function tokensOf({ access_token: token, expires_in, refresh_token }: Issued, before: Tokens): Tokens {
  const refresh = refresh_token ?? before.refresh;
  const life = Math.min(expires_in ?? USUAL_LIFE, LONGEST_LIFE);
  const until = Date.now() + (life - Math.min(MARGIN, life / 2)) * 1000;
  const usable = BEARER.test(token) && token.length <= TOKEN_BOUND;
  return { ...(usable && { access: { token, until } }), ...(refresh !== undefined && { refresh }) };
}

/** @throws ProviderFault if there is no access token */
export function accessTokenOf({ access }: Tokens): AccessToken {
  if (access) return access;
  throw new ProviderFault("refused", NOT_USABLE);
}

/** What a person has granted. @throws ProviderFault if it is of no use, or without a refresh token soon of none */
function lasting(tokens: Tokens): Tokens {
  accessTokenOf(tokens);
  if (tokens.refresh !== undefined) return tokens;
  const hint = "add what asks for one to the scope, such as offline_access";
  throw new ProviderFault("refused", `it issues no refresh token: ${hint}`);
}

function shownAddress(address: string): string {
  if (!URL.canParse(address)) throw new ProviderFault("refused", "its answer has no address to log in at");
  return new URL(address).href;
}
