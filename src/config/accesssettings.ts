/** Settings of access: which servers a client may use, and who decides about logins. */

import type { ServerEntry } from "./servers";

/** Which servers a client may use, and the client log. */
export interface AccessSettings {
  /** The characters that separate user from server, and the parts of a name in the user map. */
  readonly delimiters: string;
  /** The selection of servers by clients, as `user@server`; absent: there is none. */
  readonly selection?: SelectionSettings | undefined;
  /** The file of the user map. */
  readonly map?: string | undefined;
  /** The file of accounts that log in with tokens of OAuth. */
  readonly oauth?: string | undefined;
  readonly acp?: AcpSettings | undefined;
  /** Asked instead of a program. */
  readonly authHttp?: AuthHttpSettings | undefined;
  /** The directory of the client log. */
  readonly clientLog?: string | undefined;
}

/** The selection of servers by clients. */
interface SelectionSettings {
  /** The servers that may be selected; absent: any public one. */
  readonly servers?: readonly ServerEntry[] | undefined;
}

/** The access control program. */
export interface AcpSettings {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** How long the program may run. */
  readonly timeout: number;
  /** The prefix of its variables. */
  readonly prefix: string;
}

/** An HTTP service that decides about logins, by nginx's protocol auth_http. */
export interface AuthHttpSettings extends AuthHttpUrl {
  /** How long one request may take. */
  readonly timeout: number;
  /** Further headers of a request, in their order. */
  readonly headers: readonly HttpHeader[];
  /** A file with more of them. */
  readonly headerFile?: string;
}

/** Where such a service is. */
export interface AuthHttpUrl {
  readonly secure: boolean;
  /** A name, or an address without brackets; "localhost" for a socket in the file system. */
  readonly host: string;
  readonly port: number;
  /** The path of a socket in the file system; absent: it is reached over the network. */
  readonly socket?: string;
  /** What is asked for, from its "/" on. */
  readonly path: string;
}

/** A header of HTTP. */
export interface HttpHeader {
  readonly name: string;
  /** In latin1. */
  readonly value: string;
}
