/**
 * Every line that the gateway itself sends to a client, without its CRLF, except the refusals of arguments
 * (command.ts). No line has the word "error", which old clients take for a failure. Response codes: RFC 2449, 8.1 and
 * RFC 3206.
 */

/** The status lines, by what they mean. */
export const replies = {
  beginTls: "+OK begin TLS negotiation",
  capabilities: "+OK capability list follows",
  nothing: "+OK",
  stlsFirst: "-ERR [SYS/PERM] use STLS first",
  tlsAlready: "-ERR TLS is active already",
  serverInsecure: "-ERR [SYS/TEMP] no secure connection to server",
  passwordRequired: "+OK password required",
  bye: "+OK bye",
  userFirst: "-ERR give USER first",
  loginFirst: "-ERR login first",
  loggedIn: "-ERR already logged in",
  unsupported: "-ERR unsupported command",
  unsupportedMechanism: "-ERR unsupported authentication mechanism",
  mechanisms: "+OK mechanisms follow",
  cancelled: "-ERR authentication cancelled",
  notBase64: "-ERR response is not base64",
  malformedResponse: "-ERR response does not fit the mechanism",
  otherIdentity: "-ERR [AUTH] no login as another user",
  wordTooLong: "-ERR user name or password too long",
  noMechanism: "-ERR [SYS/PERM] server does not take this kind of login",
  utf8: "+OK UTF8 enabled",
  stlsBeforeUtf8: "-ERR STLS has to come before UTF8",
  tooManyUnsupported: "-ERR too many unsupported commands",
  lineTooLong: "-ERR command line too long",
  controlOctet: "-ERR control character in command",
  internalFault: "-ERR [SYS/TEMP] internal fault, try again later",
  noServer: "-ERR [AUTH] no server selected",
  noUser: "-ERR [AUTH] no user given",
  notPermitted: "-ERR [AUTH] server not permitted",
  accessDenied: "-ERR [AUTH] access denied",
  accessUnknown: "-ERR [SYS/TEMP] access control not available",
  misconfigured: "-ERR [SYS/PERM] gateway is not set up for this",
  loginDelay: "-ERR [LOGIN-DELAY] too many attempts to log in, try again later",
  serverUnreachable: "-ERR [SYS/TEMP] server not reachable",
  serverUnavailable: "-ERR [SYS/TEMP] server not available",
  serverLost: "-ERR [SYS/TEMP] connection to server lost",
  serverSilent: "-ERR [SYS/TEMP] server does not answer",
  tooManySessions: "-ERR [SYS/TEMP] too many sessions, try again later",
  tooManyOfClient: "-ERR [SYS/TEMP] too many sessions from your address",
} as const;
