/** A file of --oauth with its store, a provider, and accounts that are authorized there. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { readOauthFile } from "../../src/config/oauthfile";
import type { OauthSettings } from "../../src/config/oauthsettings";
import { type AccessToken, type AccountKey, newKey, seal } from "../../src/oauth/record";
import { Store } from "../../src/oauth/store";
import { scratch } from "../real/scratch";
import { FakeProvider, startTokenServer, type TokenServer } from "../stage/provider";

export const PASSWORD = "gateway password";
export const ACCOUNT = "joe@example.org";

/** The key of PASSWORD, which takes 0.1 seconds of CPU to make: one serves all accounts of a file. */
let key: Promise<AccountKey> | null = null;

export interface Stage {
  readonly file: string;
  readonly settings: OauthSettings;
  readonly provider: FakeProvider;
  readonly server: TokenServer;
  readonly store: Store;
  /** Authorizes an account, whose access token has ended unless it is given. @returns its refresh token */
  authorize(account?: string, access?: AccessToken, password?: string): Promise<string>;
}

/** @param lines further lines of the provider's table, or others in the place of the usual ones */
export async function stage(t: TestContext, lines = "", rotates = true): Promise<Stage> {
  const provider = await new FakeProvider(rotates).open(t);
  const server = await startTokenServer(t, (token) => provider.takes(token));
  const home = scratch(t);
  const store = new Store(join(home, "store"));
  mkdirSync(store.folder, { mode: 0o700 });
  const file = join(home, "oauth.toml");
  const usual = `
name = "fake"
accounts = ["*@example.org"]
server = "127.0.0.1:${server.port}"
client-id = "gateway"
scope = "mail"
`;
  const how = `flow = "device"\ndevice-endpoint = "${provider.place}/device"\ntoken-endpoint = "${provider.place}/token"\n`;
  writeFileSync(file, `store = "store"\n[[provider]]\n${usual}${lines || how}`, { mode: 0o600 });
  key ??= newKey(PASSWORD);
  const usualKey = key;
  const authorize = async (account = ACCOUNT, access?: AccessToken, password = PASSWORD) => {
    const refresh = provider.authorize();
    const state = { account, provider: "fake", authorized: new Date().toISOString() };
    const record = seal(state, await (password === PASSWORD ? usualKey : newKey(password)), {
      refresh,
      ...(access && { access }),
    });
    await (await store.reserve(account)).commit(record);
    return refresh;
  };
  return { file, settings: readOauthFile(file, false), provider, server, store, authorize };
}
