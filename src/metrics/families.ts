/**
 * Every metric of the gateway in one table: its name, its help and its labels. The counters count by it, the page
 * /metrics is written from it, and a test compares the manual's list with it. Labels have few values: those that are
 * fixed in the source, the services, and servers that an administrator named. None is a user or a client's address.
 */

/** One metric. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** A metric with the prefix of the gateway. */
function own(name: string, help: string, ...labels: readonly string[]): Family {
  return { name: `pop3proxy_${name}`, help, labels };
}

/** A metric of any process, or of Node, by the name that it has everywhere. */
function common(name: string, help: string, ...labels: readonly string[]): Family {
  return { name, help, labels };
}

/** What is counted. */
export const COUNTERS = {
  sessions: own("sessions_total", "Sessions that have ended, by the code of their end.", "service", "code"),
  refused: own("connections_refused_total", "Connections that were closed before a session began.", "service", "code"),
  logins: own(
    "logins_total",
    "Logins by result: success, denied, or failed (no decision).",
    "service",
    "mechanism",
    "result",
  ),
  denials: own("login_denials_total", "Denied logins by the code of the reason.", "service", "code"),
  commands: own("commands_total", "Permitted commands of clients.", "verb"),
  unsupported: own("unsupported_commands_total", "Commands that are not permitted.", "service"),
  octets: own("client_bytes_total", "Octets of the dialogues with clients, without TLS.", "direction"),
  retrieved: own("mails_retrieved_total", "Mails that were retrieved in full, in sessions that have ended.", "service"),
  deleted: own("mails_deleted_total", "Mails that were deleted, in sessions that have ended.", "service"),
  access: own(
    "access_control_calls_total",
    "Decisions of access control: granted, denied, failed, misunderstood, or abandoned by the client.",
    "kind",
    "result",
  ),
  renewals: own(
    "oauth_renewals_total",
    "Renewals of OAuth tokens by result: success, unstored, expired, refused, unavailable, or store.",
    "provider",
    "result",
  ),
  scans: own("scans_total", "Mails given to clamd, by verdict: clean, infected, oversize, failed.", "verdict"),
  handshakes: own(
    "tls_handshakes_total",
    "TLS handshakes by result: ok, failed, or closed by a side before its end.",
    "side",
    "version",
    "result",
  ),
  serverFailures: own("server_failures_total", "Failures of servers, by their code.", "server", "code"),
  reloads: own("reloads_total", "Reloads of the settings, by result.", "result"),
} as const satisfies Record<string, Family>;

/** What is measured in seconds. */
export const HISTOGRAMS = {
  connect: own("server_connect_seconds", "Time to connect to a server, with TLS where that comes first.", "server"),
  login: own("login_seconds", "Time from the credentials to the server's consent.", "service"),
  access: own("access_control_seconds", "Time to a decision of access control, with the wait for its turn.", "kind"),
  scan: own("scan_seconds", "Time of scans, with the wait for their turn."),
} as const satisfies Record<string, Family>;

/** What is at the moment. */
export const GAUGES = {
  info: own("build_info", "The versions of the gateway, of Node and of OpenSSL.", "version", "node", "openssl"),
  accepting: own("accepting", "Whether clients are accepted: 1, or 0 while sessions are drained."),
  sessions: own("sessions", "Sessions at the moment, by state.", "state"),
  limit: own("sessions_limit", "The most sessions at once (--max-sessions)."),
  waiting: own("waiting_starts", "What waits for its turn to start.", "what"),
  certificate: own(
    "certificate_not_after_timestamp_seconds",
    "When a certificate of the gateway ends, in Unix time.",
    "name",
    "file",
  ),
} as const satisfies Record<string, Family>;

/** The process, and its event loop. */
export const PROCESS = {
  cpuUser: common("process_cpu_user_seconds_total", "CPU time in user mode."),
  cpuSystem: common("process_cpu_system_seconds_total", "CPU time in the system."),
  cpu: common("process_cpu_seconds_total", "CPU time in all."),
  resident: common("process_resident_memory_bytes", "Resident memory."),
  heapUsed: common("nodejs_heap_size_used_bytes", "Memory in use in the heap of the event loop that serves sessions."),
  heapTotal: common("nodejs_heap_size_total_bytes", "The size of that heap."),
  external: common("nodejs_external_memory_bytes", "Memory outside of that heap that belongs to it."),
  openFiles: common("process_open_fds", "Open descriptors."),
  maxFiles: common("process_max_fds", "The most descriptors that may be open."),
  started: common("process_start_time_seconds", "When the process was started, in Unix time."),
  loopBusy: common("nodejs_eventloop_busy_seconds_total", "Time in which the event loop had work."),
  lagMean: common("nodejs_eventloop_lag_mean_seconds", "Mean delay of the event loop in the last minute."),
  lag50: common("nodejs_eventloop_lag_p50_seconds", "The median of that delay."),
  lag99: common("nodejs_eventloop_lag_p99_seconds", "Its 99th percentile."),
  lagMax: common("nodejs_eventloop_lag_max_seconds", "The longest one."),
} as const satisfies Record<string, Family>;

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;
export type ProcessName = keyof typeof PROCESS;

/** The upper bounds of the buckets of all histograms, in seconds. */
export const BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The values of labels, in the order of the table. */
export type LabelValues = readonly string[];
