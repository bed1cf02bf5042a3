# frozen_string_literal: true

module Usher
  # A request that was not granted: one of Denied, RetryLater and Misuse.
  class Error < StandardError
    # The stable word for programs (`invalid_credentials`), the HTTP status that a web app would send on, and the daemon's whole reply. Replies
    # may hold a secret (the `challenge` of `otp_required`): the text of an error never does.
    attr_reader :code, :status, :members

    def initialize(code, message, status, members = {})
      super(message)
      @code = code
      @status = status
      @members = members
    end

    # Seconds to wait before the next attempt; nil where the daemon does not say.
    def retry_after
      milliseconds = members["retry_after_ms"]
      milliseconds ? milliseconds / 1000.0 : members["retry_after"]
    end

    MISUSES = %w[bad_request unknown_op missing_field invalid_field line_too_long forbidden_op].freeze
    private_constant :MISUSES

    # The error of a reply that is not `ok`; nil for what is no such reply.
    def self.of(reply)
      ok, code, message, status = reply.values_at("ok", "error", "message", "status")
      return unless ok == false && code.is_a?(String) && message.is_a?(String) && status.is_a?(Integer)

      kind = MISUSES.include?(code) ? Misuse : status >= 500 ? RetryLater : Denied
      kind.new(code, message, status, reply)
    end
  end

  # The answer is no. Its message is for the visitor.
  class Denied < Error; end

  # The request is at fault.
  class Misuse < Error; end

  # The daemon cannot answer now.
  class RetryLater < Error
    # Whether the request may have been carried out all the same.
    def outcome_unknown? = !%w[busy shutting_down].include?(code)
  end

  # There was no reply: `code` is `unreachable`, `ended`, `timed_out` or `garbled`.
  class ConnectionLost < RetryLater
    MESSAGES = {
      "unreachable" => "The login service cannot be reached.", "ended" => "The login service closed the connection.",
      "timed_out" => "The login service took too long.", "garbled" => "The login service's answer makes no sense."
    }.freeze
    private_constant :MESSAGES

    def initialize(code, outcome_unknown:)
      super(code, MESSAGES.fetch(code), 503)
      @outcome_unknown = outcome_unknown
    end

    def outcome_unknown? = @outcome_unknown
  end
end
