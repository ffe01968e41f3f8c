/** What --check finds out of --oauth: the providers, the store, and the state of each account. */

import { accessSync, constants } from "node:fs";
import { quote } from "../base/quote";
import type { Gateway } from "../gateway/gateway";
import { type KeyedProvider, Provider } from "../oauth/provider";
import type { AccountState } from "../oauth/record";

/**
 * Tries the store, and the providers whose issuers tell the endpoints.
 *
 * @param gateway null: there is none
 * @returns a line for each provider and each account, without a secret
 * @throws Error in one line
 */
export async function checkOauth(gateway: Gateway | null): Promise<string[]> {
  const vault = gateway?.tokens?.vault;
  if (!vault) return [];
  const { store, settings } = vault;
  const lines = settings.providers.map(({ name, flow, accounts }) => {
    return `oauth: provider ${name} (${flow}) for ${accounts.map((one) => quote(one)).join(", ")}`;
  });
  if (!store.exists) {
    return [...lines, `oauth: no account is authorized: ${store.folder} is made by the first --authorize`];
  }
  const { fault } = store;
  if (fault !== null) throw new Error(fault);
  accessSync(store.folder, constants.R_OK | constants.W_OK | constants.X_OK);
  const known = new Set(settings.providers.map(({ name }) => name));
  for (const one of await store.list()) {
    if ("fault" in one) throw new Error(one.fault);
    lines.push(shownAccount(one, known));
  }
  for (const { name, endpoints } of settings.providers) {
    if (endpoints.issuer !== undefined) await tryProvider(vault.keyed(name));
  }
  return lines;
}

/** @throws Error in one line if the provider does not answer */
async function tryProvider(provider: KeyedProvider): Promise<void> {
  try {
    await Provider.open(provider);
  } catch (thrown) {
    throw new Error(`provider ${provider.name}: ${(thrown as Error).message}`);
  }
}

function shownAccount({ account, provider, authorized, renewed, refused }: AccountState, known: Set<string>): string {
  const doubts = [
    ...(refused === undefined
      ? []
      : [`the provider has withdrawn the authorization, ${refused}: --authorize it again`]),
    ...(known.has(provider) ? [] : ["there is no such provider any more"]),
  ];
  const state = `authorized ${authorized}${renewed === undefined ? "" : `, last token ${renewed}`}`;
  return `oauth: account ${quote(account)} of ${provider}: ${[state, ...doubts].join("; ")}`;
}
