/**
 * The command line: commander reads it by the table of options.ts, and what it says is put together here. Prints
 * nothing and ends nothing: under a superserver, stdout and stderr are the client.
 */

import { Command, CommanderError, Option } from "commander";
import { POP3_PORT, parseHostPort } from "../base/address";
import { OPTIONS } from "./options";
import { type Config, type Draft, defaults, faultOfServerTls, faultOfTls, type TlsMode } from "./settings";
import { listener, UsageFault } from "./values";

/** What the command line asks for. */
export type Request = { readonly print: string } | { readonly config: Config };

/**
 * @param argv what stands behind the command's name
 * @param version what --version tells
 * @throws UsageFault
 */
export function parseCommandLine(argv: readonly string[], version: () => string): Request {
  const draft: Draft = { ...defaults };
  const program = new Command("pop3.proxy")
    .usage("[options] [server[:port]]")
    .helpOption("-h, --help", "this text")
    .allowExcessArguments(true)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  let daemon = 0;
  let asked = false;
  for (const { flags, help, set } of OPTIONS) {
    const option = new Option(flags, help);
    program.addOption(option);
    program.on(`option:${option.name()}`, (value?: string) => set(draft, value ?? ""));
  }
  program.on("option:daemon", () => daemon++);
  program.option("--version", "the version").on("option:version", () => {
    asked = true;
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.code === "commander.helpDisplayed") {
      return { print: program.helpInformation() };
    }
    if (thrown instanceof CommanderError) throw new UsageFault(thrown.message.replace(/^error: /, ""));
    throw thrown;
  }
  if (asked) return { print: `pop3.proxy ${version()}\n` };
  return { config: completed(draft, daemon, program.args) };
}

/** Puts the operands and the options together, and refuses what makes no sense. */
function completed(draft: Draft, daemon: number, operands: readonly string[]): Config {
  const rest = [...operands];
  if (draft.listen.length > 0) {
    if (daemon > 1) throw new UsageFault("-DD and --listen exclude each other");
  } else if (daemon > 1) {
    const first = rest.shift();
    if (first === undefined) throw new UsageFault("-DD takes [interface:]port as first operand");
    draft.listen = [{ ...listener(first), ...byClientTls(draft) }];
  } else if (daemon === 1) {
    draft.listen = [{ host: null, port: POP3_PORT, ...byClientTls(draft) }];
  }
  const [server, ...excess] = rest;
  if (excess.length > 0) throw new UsageFault(`too many operands: ${excess.join(" ")}`);
  if (server !== undefined && server !== "-") {
    if (draft.demo) throw new UsageFault("--demo brings its own server");
    draft.server = parseHostPort(server);
    if (!draft.server) throw new UsageFault(`not a server: ${server}`);
  } else if (!draft.demo && !draft.select) {
    throw new UsageFault("no server: name one, or let the client select it with -e");
  }
  soundTls(draft);
  // Who offers STLS has to answer CAPA, and then to everybody (RFC 2595, 4).
  draft.capa ||= draft.listen.some(({ tls }) => tls === "starttls") || draft.clientTls === "starttls";
  if (draft.servers !== null && !draft.select) throw new UsageFault("-s needs -e");
  return Object.freeze(draft);
}

/** How TLS comes into the one listener of -D. */
function byClientTls({ clientTls }: Draft): { tls?: TlsMode } {
  return clientTls === "none" ? {} : { tls: clientTls };
}

/** What options about TLS need of each other; a superserver may decide how clients come in, and is asked later. */
function soundTls(draft: Draft): void {
  const { certificates, listen, clientTls } = draft;
  if (certificates.some(({ key }) => key === "")) throw new UsageFault("each --tls-cert needs its --tls-key");
  const modes = listen.length > 0 ? listen.map(({ tls }) => tls ?? "none") : [clientTls];
  const told = listen.length > 0 || clientTls !== "none";
  const fault = (told ? faultOfTls(draft, modes) : null) ?? faultOfServerTls(draft);
  if (fault !== null) throw new UsageFault(fault);
}
