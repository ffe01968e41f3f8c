/**
 * The command line: commander reads it by the table of options.ts, rules.ts makes settings of what it says. Prints
 * nothing and ends nothing: under a superserver, stdout and stderr are the client.
 */

import { Command, CommanderError, Option } from "commander";
import { POP3_PORT } from "../base/address";
import { quote } from "../base/quote";
import { type Draft, defaults, type Options } from "./options";
import { OPTIONS, type OptionRow } from "./optiontable";
import { listenAddress, serverList } from "./places";
import { settingsOf, UsageFault } from "./rules";
import type { ListenAddress, Settings } from "./settings";

/** What to do, by the command line: print a text, check the settings, or run. */
type Request =
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "check" | "run"; readonly settings: Settings };

/** Versions are printed in a group of --help with the help itself. */
const HELP_GROUP = "Help:";

/**
 * Parses the command line.
 *
 * @param argv the arguments after the command's name
 * @param version gives the text of --version
 * @throws UsageFault
 */
export function parseCommandLine(argv: readonly string[], version: () => string): Request {
  const draft: Draft = { ...defaults };
  const program = commandOf(draft);
  try {
    program.parse([...argv], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return { kind: "print", text: program.helpInformation() };
    // With the nearest option, where commander knows one, on a second line.
    throw new UsageFault(thrown.message.replace(/^error: /, "").replaceAll("\n", " "));
  }
  if (program.opts().version) return { kind: "print", text: `pop3.proxy ${version()}\n` };
  const settings = settingsOf({ ...draft, ...operandsOf(draft, program.args) });
  return { kind: draft.check ? "check" : "run", settings };
}

/** A command whose options fill the draft. */
function commandOf(draft: Draft): Command {
  const program = new Command("pop3.proxy")
    .usage("[options] [server[:port],...]")
    .helpOption(false)
    .allowExcessArguments(true)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  for (const row of OPTIONS) {
    const option = new Option(row.flags, helpOf(row)).helpGroup(row.group);
    program.addOption(option);
    program.on(`option:${option.name()}`, (text?: string) => set(row, draft, text ?? ""));
  }
  program.addOption(new Option("-V, --version", "the version, with those of Node and OpenSSL").helpGroup(HELP_GROUP));
  return program.addHelpOption(new Option("-h, --help", "this text").helpGroup(HELP_GROUP));
}

function helpOf({ help, shown }: OptionRow): string {
  return shown === undefined ? help : `${help} (default: ${shown})`;
}

/** Sets an option. @throws UsageFault with the option and its value before what is wrong */
function set({ flags, secret, set: apply }: OptionRow, draft: Draft, text: string): void {
  try {
    apply(draft, text);
  } catch (thrown) {
    const [name] = flags.split(/[ ,]/, 1);
    throw new UsageFault(`${name}${secret ? "" : ` ${quote(text)}`}: ${(thrown as Error).message}`);
  }
}

/** Where the daemon listens, and the default server. */
function operandsOf(draft: Draft, operands: readonly string[]): Pick<Options, "listen"> & Partial<Options> {
  const rest = [...operands];
  const listen = listenOf(draft, rest);
  const [server, ...excess] = rest;
  if (excess.length > 0) throw new UsageFault(`too many operands: ${excess.map((text) => quote(text)).join(" ")}`);
  if (server === undefined || server === "-") return { listen };
  try {
    return { listen, defaultServers: serverList.parse(server) };
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
}

/** Takes the operand of -DD, if there is one, out of `operands`. */
function listenOf({ listen, daemon, clientTls, clientProxy }: Draft, operands: string[]): readonly ListenAddress[] {
  if (listen.length > 0 && daemon > 1) throw new UsageFault("-DD and --listen exclude each other");
  if (listen.length > 0 && clientTls !== "none") {
    throw new UsageFault("--client-tls is of no use beside --listen: write /tls or /starttls behind the port instead");
  }
  if (listen.length > 0 && clientProxy) {
    throw new UsageFault("--client-proxy is of no use beside --listen: write /proxy behind the port instead");
  }
  if (listen.length > 0 || daemon === 0) return listen;
  const tls = { ...(clientTls !== "none" && { tls: clientTls }), ...(clientProxy && { proxy: true }) };
  if (daemon === 1) return [{ host: null, port: POP3_PORT, ...tls }];
  const first = operands.shift();
  if (first === undefined) throw new UsageFault("-DD takes [interface:]port as first operand, such as 8110");
  // A server alone: the port was forgotten.
  if (operands.length === 0 && !/^[0-9]+$|:[0-9]+$/.test(first)) {
    throw new UsageFault(`-DD takes two operands, [interface:]port and server, such as 8110 ${quote(first)}`);
  }
  try {
    return [{ ...listenAddress.parse(first), ...tls }];
  } catch (thrown) {
    throw new UsageFault(`-DD ${quote(first)}: ${(thrown as Error).message}`);
  }
}
