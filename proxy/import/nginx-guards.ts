import type { Directive } from './nginx-syntax.ts'

/**
 * Whether a directive may keep somebody out: every one may that is not known to do something else. What is left out of
 * these closes its route.
 */
export function isGuard({ name, args, block = [] }: Directive): boolean {
  // Whatever is asked for leads elsewhere.
  if (name === 'rewrite') return /^(\^|\^\/|\.\*|\^\.\*\$?|\(\.\*\)|\^\/?\(\.\*\)\$?)$/.test(args[0] ?? '')
  if (name === 'if') return !isHarmlessIf(args, block)
  if (name === 'include') return !harmlessFiles.test(args[0] ?? '')
  if (/^(proxy_pass|return|try_files)$/.test(name)) return false
  return guards.test(name) || !harmless.test(name)
}

// --- internal ---

/** Files of these names say nothing of who may come. */
const harmlessFiles =
  /((modules|sites)-enabled\/\*.*|ssl[\w.-]*\.conf|self-signed\.conf|snakeoil\.conf|fastcgi-php\.conf|proxy_params|proxy\.conf|letsencrypt\.conf|websocket[\w.-]*\.conf|gzip[\w.-]*\.conf)$/

const guards = /^(ssl_(crl|ocsp)|proxy_pass_request_headers|limit_req_status_on|secure_link.*)$/
const harmless =
  /^((proxy|fastcgi|uwsgi|scgi|grpc)_.*|gzip.*|brotli.*|zstd.*|ssl_.*|client_(header|body)_.*|large_client_header_buffers|send_timeout|send_lowat|keepalive.*|lingering.*|reset_timedout_connection|log_.*|access_log|error_log|error_page|recursive_error_pages|index|expires|etag|if_modified_since|max_ranges|add_header|add_trailer|more_(set|clear)_headers|sub_filter.*|charset.*|source_charset|override_charset|types.*|default_type|server_.*|absolute_redirect|port_in_redirect|resolver.*|open_file_cache.*|aio.*|directio.*|sendfile.*|tcp_.*|postpone_output|output_buffers|read_ahead|merge_slashes|underscores_in_headers|ignore_invalid_headers|http2.*|http3.*|quic.*|listen|location|set|rewrite|rewrite_log|break|uninitialized_variable_warn|map|mirror.*|chunked_transfer_encoding|connection_pool_size|request_pool_size|subrequest_output_buffer_size|disable_symlinks|limit_rate.*|limit_conn.*|limit_req.*|satisfy|root|alias|autoindex.*|stub_status|empty_gif|msie_.*|set_real_ip_from|real_ip_.*|opentracing.*|otel_.*|pagespeed.*|image_filter.*|userid.*|health_check.*|passenger_.*|vhost_.*)$/

/** The scheme, a file that is there, a preflight: conditions that let nobody in who was kept out without them. */
function isHarmlessIf(args: readonly string[], block: readonly Directive[]): boolean {
  const [subject = ''] = args
  if (/^\(!?-[fde]$/.test(subject))
    return block.every(({ name }) => /^(rewrite|break|set|try_files)$/.test(name))
  const answers = block.every(
    ({ name, args: [status = ''] }) => name === 'add_header' || (name === 'return' && /^2/.test(status)),
  )
  return (
    /^\(\$request_method$/.test(subject) && /^=? ?=? ?OPTIONS ?\)?$/.test(args.slice(1).join(' ')) && answers
  )
}
