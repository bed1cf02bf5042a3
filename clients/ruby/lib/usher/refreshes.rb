# frozen_string_literal: true

module Usher
  # One REFRESH at a time of one token: threads that come meanwhile, or soon after, get what the first one got.
  class Refreshes # :nodoc:
    # Seconds. Longer than the requests of one page take to arrive, and shorter than the daemon's own grace window (30 s).
    REMEMBERED = 10

    def initialize(client)
      @client = client
      @lock = Mutex.new
      @flights = {}
      @pid = Process.pid
    end

    def refresh(token, client: nil) = @lock.synchronize { flight(token, client) }.value.first

    # (Without tokens.)
    def inspect = "#<Usher::Refreshes>"

    private

    # A thread of its own: whoever asked first may be interrupted, and others wait for it.
    def flight(token, client)
      # Flights from before a fork are the parent's.
      @flights.clear unless @pid == Process.pid
      @pid = Process.pid
      @flights.delete_if { |_, flight| forgettable?(flight) }
      @flights[token] ||= Thread.new do
        Thread.current.report_on_exception = false
        [exchange(token, client), Connection.now + REMEMBERED]
      end
    end

    # (The status of what has raised is nil; of what has ended well, false.)
    def forgettable?(flight) = flight.status.nil? || (!flight.status && flight.value.last <= Connection.now)

    def exchange(token, client)
      @client.refresh(token, client:)
    rescue ConnectionLost => e
      # It may have taken place, and the old token is good for some seconds only: that cannot wait for the visitor's next request.
      raise unless e.code == "ended" && e.outcome_unknown?

      @client.refresh(token, client:)
    end
  end
end
