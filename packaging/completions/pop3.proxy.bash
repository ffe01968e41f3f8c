# Made from the table of options by `npm run completions`.

_pop3_proxy() {
  local options cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --option=value for three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $prev in
    --listen) return ;;
    --proxy-from) return ;;
    -f | --config) _pop3_proxy_builtin file; return ;;
    --pidfile) _pop3_proxy_builtin file; return ;;
    -u | --user) _pop3_proxy_builtin user; return ;;
    --drain) return ;;
    --as) return ;;
    --from) return ;;
    --listener) return ;;
    --authorize) return ;;
    --forget) return ;;
    -s | --servers) return ;;
    --map) _pop3_proxy_builtin file; return ;;
    -c | --delimiters) return ;;
    -a | --acp) _pop3_proxy_builtin file; return ;;
    -v | --prefix) return ;;
    --acp-timeout) return ;;
    --auth-http-header) return ;;
    --auth-http-header-file) _pop3_proxy_builtin file; return ;;
    --oauth) _pop3_proxy_builtin file; return ;;
    -l | --client-log) _pop3_proxy_builtin directory; return ;;
    --via) _pop3_proxy_builtin file; return ;;
    --ssh) return ;;
    --send-proxy) _pop3_proxy_words '1 2'; return ;;
    -q | --source) return ;;
    --clamd) _pop3_proxy_builtin file; return ;;
    --quarantine) _pop3_proxy_builtin directory; return ;;
    --scan-oversize) _pop3_proxy_words 'refuse notify'; return ;;
    --client-tls) _pop3_proxy_words 'none starttls tls'; return ;;
    --tls-cert) _pop3_proxy_builtin file; return ;;
    --tls-key) _pop3_proxy_builtin file; return ;;
    --tls-min) _pop3_proxy_words '1.0 1.1 1.2 1.3'; return ;;
    --server-tls) _pop3_proxy_words 'none starttls tls'; return ;;
    --server-ca) _pop3_proxy_builtin file; return ;;
    --server-pin) return ;;
    --server-cert) _pop3_proxy_builtin file; return ;;
    --server-key) _pop3_proxy_builtin file; return ;;
    --server-tls-min) _pop3_proxy_words '1.0 1.1 1.2 1.3'; return ;;
    --greeting) return ;;
    --auth) _pop3_proxy_list 'PLAIN OAUTHBEARER XOAUTH2'; return ;;
    -t | --timeout) return ;;
    --login-timeout) return ;;
    --server-timeout) return ;;
    --max-sessions) return ;;
    --max-per-client) return ;;
    --exempt) return ;;
    --syslog) return ;;
    --facility) _pop3_proxy_words 'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp local0 local1 local2 local3 local4 local5 local6 local7'; return ;;
    --log-format) _pop3_proxy_words 'text json'; return ;;
    --metrics) return ;;
    --metrics-token) _pop3_proxy_builtin file; return ;;
  esac
  if [[ $cur != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
    return
  fi
  options="
    -D --daemon
    --listen
    --client-proxy
    --proxy-from
    -f --config
    --foreground
    --pidfile
    -u --user
    --drain
    -d --debug
    --demo
    --check
    --changed
    --as
    --from
    --listener
    --ask
    --authorize
    --forget
    -e --select
    -s --servers
    --map
    -c --delimiters
    -a --acp
    -v --prefix
    --acp-timeout
    --auth-http-header
    --auth-http-header-file
    --oauth
    -l --client-log
    --via
    --ssh
    --send-proxy
    -q --source
    -z --scan
    --clamd
    --quarantine
    --scan-oversize
    --client-tls
    --tls-cert
    --tls-key
    --tls-min
    --allow-cleartext-login
    --server-tls
    --server-ca
    --server-pin
    --server-cert
    --server-key
    --server-tls-min
    --greeting
    --capa
    --auth
    --utf8
    --xclient
    --no-pipelining
    -t --timeout
    --login-timeout
    --server-timeout
    --max-sessions
    --max-per-client
    --exempt
    -m --brief
    --syslog
    --facility
    --log-format
    --metrics
    --metrics-token
    -V --version
    -h --help
  "
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

# What bash can complete by itself: an action of compgen.
_pop3_proxy_builtin() {
  [[ $1 == user ]] || compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -A "$1" -- "$cur")
}

# One of these words, or several with commas between.
_pop3_proxy_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}
_pop3_proxy_list() {
  local before=
  [[ $cur != *,* ]] || before=${cur%,*},
  compopt -o nospace
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${cur##*,}")
}

complete -F _pop3_proxy pop3.proxy
