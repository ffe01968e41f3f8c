/**
 * --authorize and --forget: puts an account into the store of --oauth, with what the provider has issued, or takes it
 * out. Started by root, it becomes the user that sessions run as, to whom the files then belong.
 */

import { lchownSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { reasonOf } from "../base/faults";
import { quote } from "../base/quote";
import type { Request } from "../config/commandline";
import { readOauthFile } from "../config/oauthfile";
import type { OauthProvider } from "../config/oauthsettings";
import { Memory } from "../gateway/memory";
import { TokenLogins } from "../gateway/tokens";
import { accessTokenOf, type BrowserLogin, Provider } from "../oauth/provider";
import { ProviderFault } from "../oauth/providerfault";
import { newKey, seal, type Tokens } from "../oauth/record";
import { accountName, Store, shownName } from "../oauth/store";
import { lock } from "../process/lock";
import { accountOf, dropPrivileges, isRoot } from "../process/privileges";
import { WORD_LIMIT } from "../protocol/command";
import { hasControl } from "../protocol/octets";
import { Terminal } from "./terminal";

/** How long a person may take for the login in a browser, in milliseconds. */
const BROWSER_PATIENCE = 15 * 60_000;

/** How long another process may have the account, in milliseconds. */
const LOCK_PATIENCE = 90_000;

/** The fewest octets of a gateway password: it is all that protects a store that was stolen. */
const PASSWORD_LEAST = 8;

/** How often a person may type it wrong. */
const ATTEMPTS = 3;

/** It can't be done; the message says why. */
class NotAuthorized extends Error {}

type StoreRequest = Request & { readonly kind: "authorize" | "forget" };

/** Authorizes or forgets the account. @throws NotAuthorized, ConfigFault, or Error in one line */
export async function changeStore(request: StoreRequest): Promise<void> {
  const terminal = new Terminal();
  try {
    if (request.kind === "authorize") await authorize(request, terminal);
    else await forget(request, terminal);
  } finally {
    terminal.close();
  }
}

/** The logins by tokens of all services, with the files that root alone may be able to read. */
function loginsOf({ settings }: StoreRequest): TokenLogins[] {
  const { vault } = new Memory();
  return settings.services.flatMap(({ access }) => {
    if (access.oauth === undefined) return [];
    return [new TokenLogins(readOauthFile(access.oauth, isRoot()), vault, () => {})];
  });
}

async function authorize(request: StoreRequest, terminal: Terminal): Promise<void> {
  const account = accountName(request.user);
  const logins = loginsOf(request).find((one) => one.providerOf(account));
  const provider = logins?.providerOf(account);
  if (!logins || !provider) {
    throw new NotAuthorized(`no provider has ${quote(account)} among its accounts: add it to accounts of one of them`);
  }
  const { vault } = logins;
  const { folder } = vault.store;
  becomeOwner(request, vault.store);
  // A store that takes no file is found out before a person has logged in.
  await alone(folder, account, async () => (await vault.store.reserve(account)).cancel());
  const tokens = await ofProvider(provider, async () =>
    tokensFor(await Provider.open(vault.keyed(provider.name)), provider, account, terminal),
  );
  const password = await newPassword(terminal);
  const authorized = new Date().toISOString();
  const state = { account, provider: provider.name, authorized, ...(tokens.access && { renewed: authorized }) };
  const record = seal(state, await newKey(password), tokens);
  await alone(folder, account, async () => (await vault.store.reserve(account)).commit(record));
  terminal.say(`${shownName(account)} is authorized: mail programs log in with this name and the gateway password.`);
}

async function forget(request: StoreRequest, terminal: Terminal): Promise<void> {
  const account = accountName(request.user);
  const stores = new Map(loginsOf(request).map(({ vault }) => [vault.store.folder, vault.store]));
  becomeOwner(request);
  let found = false;
  for (const [folder, store] of stores) {
    if (!store.exists) continue;
    await alone(folder, account, async () => {
      found = (await store.forget(account)) || found;
    });
  }
  if (!found) throw new NotAuthorized(`${quote(account)} is not authorized: pop3.proxy --check lists who is`);
  terminal.say(`${shownName(account)} is forgotten. The provider still lists the gateway until you remove it there.`);
}

/** Becomes the user that sessions run as. @param store whose folder is made if it is not there */
function becomeOwner({ settings }: StoreRequest, store?: Store): void {
  const { user } = settings.process;
  const owner = isRoot() ? accountOf(user) : null;
  if (store?.exists === false) {
    makeFolder(store.folder);
    // Whoever can write the folder above may put a link there meanwhile, which is not followed.
    if (owner) lchownSync(store.folder, owner.uid, owner.gid);
  }
  if (owner && owner.uid !== 0) dropPrivileges(user);
  const fault = store?.fault ?? null;
  if (fault !== null) throw new NotAuthorized(fault);
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (thrown) {
    const missing = (thrown as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? `make the folder ${dirname(folder)} first` : reasonOf(thrown as Error);
    throw new NotAuthorized(`${folder}: it can't be made: ${why}`);
  }
}

/** Runs something while no other process changes the account. */
async function alone(folder: string, account: string, run: () => Promise<void>): Promise<void> {
  const release = await lock(folder, Store.fileOf(account), LOCK_PATIENCE);
  if (!release) throw new NotAuthorized(`another process has ${quote(account)} for too long: try again`);
  try {
    await run();
  } finally {
    await release();
  }
}

/** Asks a provider, which its faults then name. @throws NotAuthorized */
async function ofProvider<Result>({ name }: OauthProvider, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof ProviderFault) throw new NotAuthorized(`provider ${name}: ${thrown.message}`);
    throw thrown;
  }
}

/** What the provider issues, if need be after a person has logged in there. */
async function tokensFor(
  open: Provider,
  { flow }: OauthProvider,
  account: string,
  terminal: Terminal,
): Promise<Tokens> {
  if (flow === "device") {
    const { address, code, done } = await open.device();
    terminal.say(`Open ${address} in any browser, give the code ${code}, and log in as ${shownName(account)}.`);
    terminal.say("Waiting for the login ...");
    return done();
  }
  if (flow === "code") return inBrowser(open, account, terminal);
  // The provider issues tokens to the gateway itself: one shows that it does.
  accessTokenOf(await open.renew(account, {}));
  return {};
}

/** A login in a browser, on this machine or another one. */
async function inBrowser(open: Provider, account: string, terminal: Terminal): Promise<Tokens> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const redirect = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const login = await open.browser(redirect, account);
    terminal.say(`Open this address in a browser, and log in as ${shownName(account)}:\n\n  ${login.address}\n`);
    terminal.say("Waiting for the browser. If it is on another machine, it ends at a page that it can't open:");
    const result = await Promise.race([arrived(server, redirect, login), pasted(login, terminal), tooLate()]);
    terminal.skip();
    return await login.done(result);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** The address that the browser on this machine has been sent to. */
function arrived(server: ReturnType<typeof createServer>, redirect: string, login: BrowserLogin): Promise<URL> {
  return new Promise((resolve) => {
    server.on("request", (request, response) => {
      const url = URL.canParse(request.url ?? "", redirect) ? new URL(request.url ?? "", redirect) : null;
      const ours = url !== null && request.method === "GET" && login.isResult(url);
      response.writeHead(ours ? 200 : 404, { "content-type": "text/plain; charset=utf-8", connection: "close" });
      response.end(ours ? "Go on in the terminal. This window may be closed.\n" : "There is nothing here.\n");
      if (ours) resolve(url);
    });
  });
}

/** The address that a person copies from the browser. It never rejects: the browser on this machine may still come. */
async function pasted(login: BrowserLogin, terminal: Terminal): Promise<URL> {
  for (;;) {
    const line = await terminal.ask("paste its address here: ");
    if (line === null) return new Promise(() => {});
    const text = line.trim();
    if (URL.canParse(text) && login.isResult(new URL(text))) return new URL(text);
    if (!terminal.isTerminal) {
      // A program whose browser is on this machine gives the gateway password alone.
      terminal.takeBack(line);
      return new Promise(() => {});
    }
    if (text !== "") terminal.say("That is no address of this login: it has code= and state= in it.");
  }
}

function tooLate(): Promise<never> {
  return new Promise((_, reject) => {
    const late = () => reject(new NotAuthorized("nobody has logged in for 15 minutes: start again"));
    setTimeout(late, BROWSER_PATIENCE).unref();
  });
}

/** Asks twice for a new gateway password. @returns latin1 */
async function newPassword(terminal: Terminal): Promise<string> {
  terminal.say("Choose a gateway password, which mail programs will use instead of the provider's.");
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const password = await terminal.ask("new gateway password: ", true);
    if (password === null) break;
    const wrong = faultOfPassword(password);
    if (wrong !== null) terminal.say(wrong);
    else if ((await terminal.ask("once more: ", true)) === password) return password;
    else terminal.say("The two are not the same.");
  }
  throw new NotAuthorized("no gateway password was given: nothing has changed");
}

/** Why a password is none for a mail program; null: it is one. */
function faultOfPassword(password: string): string | null {
  if (password.length < PASSWORD_LEAST) return `Give at least ${PASSWORD_LEAST} characters.`;
  if (password.length > WORD_LIMIT) return `Give at most ${WORD_LIMIT} octets.`;
  // What the terminal does not encode in UTF-8 has become this character, and could not be told apart.
  if (password.includes("\xef\xbf\xbd")) return "Give it in UTF-8.";
  return hasControl(password) ? "Give no control characters." : null;
}
