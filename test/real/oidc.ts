/**
 * oidc-provider, a provider of OAuth 2.0 and OpenID Connect, on 127.0.0.1: device flow, code flow
 * with PKCE, client credentials, rotation of refresh tokens, where a token that comes twice ends all of its kin, and
 * introspection.
 */

import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";

/** What is asked for. */
export const SCOPE = "openid offline_access mail";

/** A client with a secret, for all flows; and a public one. */
export const CONFIDENTIAL = { id: "gateway", secret: "canary-client-secret-5aKq" };
export const PUBLIC = { id: "public" };

/** A provider that runs. */
export interface Oidc {
  readonly issuer: string;
  /**
   * How long it says that the access tokens hold that it issues, in seconds. They hold longer: on a busy machine one that
   * lives shortly might end on its way to the server.
   */
  life: number;
  /** What was asked of the token endpoint with success, and what was not, by their grant types. */
  readonly granted: string[];
  readonly refused: string[];
  /** All tokens that it has issued, the latest one last. */
  readonly access: string[];
  readonly refresh: string[];
  /** How often the refresh grant has succeeded. */
  refreshes(): number;
  /** A server takes the last access token no more, though it has not ended. */
  disable(): Promise<void>;
  /** The person withdraws what the gateway has been granted. */
  revoke(): Promise<void>;
  /** Nobody listens there any more, or somebody does again. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** No request is answered from now on. @returns ends that */
  hold(): () => void;
}

/** What is used of the library, which has no types. */
interface Model {
  readonly jti: string;
  readonly grantId?: string;
  readonly accountId?: string;
  destroy(): Promise<void>;
}
interface Library {
  readonly AccessToken: { find(token: string): Promise<Model | undefined> };
  readonly Grant: { find(id: string): Promise<Model | undefined> };
  use(middleware: (context: Answering, next: () => Promise<void>) => Promise<void>): void;
  callback(): RequestListener;
  on(event: string, heard: (...about: never[]) => void): void;
}
type Answering = { readonly path: string; readonly body?: { expires_in?: number } };
type Context = { readonly oidc: { readonly params: { readonly grant_type: string } } };

const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";

/** Starts it. */
export async function startOidc(t: TestContext): Promise<Oidc> {
  const server = createServer();
  // It is the same one when the provider comes back, and given to nobody else meanwhile.
  const port = await freePort();
  await listening(server, port);
  atEnd(t, () => closed(server));
  const issuer = `http://127.0.0.1:${port}`;
  const library = await made(issuer);
  library.use(async (context, next) => {
    await next();
    if (context.path === "/token" && context.body?.expires_in) context.body.expires_in = oidc.life;
  });
  const answer = library.callback();
  let held = Promise.resolve();
  server.on("request", (request, response) => void held.then(() => answer(request, response)));
  const tokens: Model[] = [];
  library.on("access_token.saved", (token: Model) => {
    tokens.push(token);
    oidc.access.push(token.jti);
  });
  library.on("client_credentials.saved", ({ jti }: Model) => void oidc.access.push(jti));
  library.on("refresh_token.saved", ({ jti }: Model) => void oidc.refresh.push(jti));
  library.on("grant.success", ({ oidc: { params } }: Context) => void oidc.granted.push(params.grant_type));
  library.on("grant.error", ({ oidc: { params } }: Context, fault: Error) => {
    if (fault.message !== "authorization_pending") oidc.refused.push(`${params.grant_type}: ${fault.message}`);
  });
  const oidc: Oidc = {
    issuer,
    life: 3600,
    granted: [],
    refused: [],
    access: [],
    refresh: [],
    refreshes: () => oidc.granted.filter((one) => one === "refresh_token").length,
    disable: async () => (await library.AccessToken.find(oidc.access.at(-1) as string))?.destroy(),
    revoke: async () => (await library.Grant.find(tokens.at(-1)?.grantId as string))?.destroy(),
    down: () => closed(server),
    up: () => listening(server, port),
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
  };
  return oidc;
}

async function made(issuer: string): Promise<Library> {
  // The library says, to the console, that it is not set up for production, and that it wants a later Node.
  Object.assign(console, { info: () => {}, warn: () => {} });
  // It is a module of ECMAScript.
  const name: string = "oidc-provider";
  const { default: Provider } = await import(name);
  const grants = ["authorization_code", DEVICE, "refresh_token", "client_credentials"];
  const common = { redirect_uris: ["http://127.0.0.1/"], response_types: ["code"], application_type: "native" };
  const { id, secret } = CONFIDENTIAL;
  return new Provider(issuer, {
    clients: [
      {
        ...common,
        client_id: id,
        client_secret: secret,
        grant_types: grants,
        token_endpoint_auth_method: "client_secret_post",
      },
      { ...common, client_id: PUBLIC.id, grant_types: grants.slice(0, 3), token_endpoint_auth_method: "none" },
      {
        ...SERVER,
        grant_types: [],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    features: {
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
    },
    scopes: ["openid", "offline_access", "mail"],
    rotateRefreshToken: () => true,
    ttl: {
      AccessToken: 3600,
      ClientCredentials: 3600,
      DeviceCode: 600,
      RefreshToken: 6000,
      Grant: 6000,
      Session: 600,
      Interaction: 600,
    },
    // Dovecot wants to know whose a token is; one of client credentials is everybody's here.
    extraTokenClaims: (_: unknown, { accountId }: Model) => ({ mailbox: accountId ?? "joe" }),
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    cookies: { keys: ["a key"] },
  });
}

/** The mail server, as it asks for a token. */
const SERVER = { client_id: "server", client_secret: "canary-server-secret-7Hq" };

/**
 * Settings of dovecot that make it ask a provider for each token.
 *
 * @param file is written by `write`
 */
export function introspected({ issuer }: Oidc, file: string, write: (file: string, text: string) => void): string[] {
  const url = new URL("/token/introspection", issuer);
  [url.username, url.password] = [SERVER.client_id, SERVER.client_secret];
  const asks = ["introspection_mode = post", `introspection_url = ${url}`, "force_introspection = yes"];
  write(
    file,
    [...asks, "active_attribute = active", "active_value = true", "username_attribute = mailbox", ""].join("\n"),
  );
  const passdb = ["passdb {", "  driver = oauth2", "  mechanisms = oauthbearer xoauth2", `  args = ${file}`, "}"];
  return ["auth_mechanisms = plain oauthbearer xoauth2", ...passdb];
}

async function listening(server: Server, port: number): Promise<void> {
  await once(server.listen(port, "127.0.0.1"), "listening");
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const close = once(server, "close");
  server.close();
  server.closeAllConnections();
  await close;
}
