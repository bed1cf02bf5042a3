# frozen_string_literal: true

module Usher
  # One REFRESH at a time of one token: threads that come meanwhile, or soon after, get what the first one got.
  class Refreshes # :nodoc:
    # Seconds. Longer than the requests of one page take to arrive, and shorter than the daemon's own grace window (30 s).
    REMEMBERED = 10

    Flight = Struct.new(:grant, :error, :forgotten_at)
    private_constant :Flight

    def initialize(client)
      @client = client
      @lock = Mutex.new
      @landing = ConditionVariable.new
      @pid = Process.pid
      @flights = {}
    end

    def refresh(token, client: nil)
      flight, mine = @lock.synchronize { board(token) }
      mine ? fly(flight, token, client) : @lock.synchronize { @landing.wait(@lock) until flight.forgotten_at }
      flight.grant || raise(flight.error)
    end

    # (Without tokens.)
    def inspect = "#<Usher::Refreshes>"

    private

    # The flight of a token, and whether it is to be begun.
    def board(token)
      # The threads that would end a flight from before a fork are the parent's.
      @flights.clear unless @pid == Process.pid
      @pid = Process.pid
      @flights.delete_if { |_, flight| flight.forgotten_at && flight.forgotten_at <= Connection.now }
      known = @flights[token]
      [known || @flights[token] = Flight.new, known.nil?]
    end

    def fly(flight, token, client)
      flight.grant = exchange(token, client)
    rescue Error => e
      flight.error = e
    ensure
      @lock.synchronize do
        # (None of the two, where the thread was interrupted.)
        flight.error ||= ConnectionLost.new("ended", outcome_unknown: true) unless flight.grant
        flight.forgotten_at = Connection.now + (flight.grant ? REMEMBERED : 0)
        @landing.broadcast
      end
    end

    def exchange(token, client)
      @client.refresh(token, client:)
    rescue ConnectionLost => e
      # It may have taken place, and the old token is good for some seconds only: that cannot wait for the visitor's next request.
      raise unless e.code == "ended" && e.outcome_unknown?

      @client.refresh(token, client:)
    end
  end
end
