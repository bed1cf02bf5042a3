# frozen_string_literal: true

require "io/wait"
require "json"
require "securerandom"
require "socket"

module Usher
  # One connection to the daemon, for one request at a time. After anything but a whole reply with the right id it is only good to be closed.
  class Connection # :nodoc:
    # More than any reply has.
    MAX_REPLY = 16 * 1024 * 1024

    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def initialize(path, deadline)
      # Nobody who has sent a line in advance can have guessed an id.
      @ids = SecureRandom.hex(8)
      @last_id = 0
      @socket = Socket.new(:UNIX, :STREAM)
      connect(Socket.sockaddr_un(path), deadline)
    rescue SystemCallError
      @socket&.close
      lost!("unreachable")
    end

    # The reply to a request, as a Hash. `@sent` says whether all of the request may have been sent.
    def ask(request, deadline)
      @sent = false
      id = "#{@ids}-#{@last_id += 1}"
      line = Connection.generate(request.merge(id:))
      @usable = false
      write("#{line}\n", deadline)
      reply = parse(read_line(deadline))
      @usable = reply["id"] == id && @rest.empty?
      # Who is turned away at the door, or sent too long a line, is answered without id. That grants nothing.
      lost!("garbled") unless reply["id"] == id || (!reply.key?("id") && reply["ok"] == false)
      reply
    end

    # Whether another request may be sent: the last one was answered, and there is nothing to read, not even the end.
    def usable?
      @usable && @socket.read_nonblock(1, exception: false) == :wait_readable
    rescue SystemCallError
      false
    end

    # Of a connection that came with a fork this closes the copy.
    def close = @socket.close

    def self.generate(request)
      JSON.generate(request)
    rescue JSON::JSONError, EncodingError
      # Whose text may show what could not be written.
      raise Misuse.new("bad_request", "A member of the request cannot be written as JSON.", 400), cause: nil
    end

    private

    def connect(address, deadline)
      @socket.connect_nonblock(address)
    rescue Errno::EAGAIN
      # The queue of those who wait to be let in is full, for which there is nothing to wait on.
      unless Connection.now < deadline
        close
        lost!("timed_out")
      end
      sleep 0.01
      retry
    end

    def write(line, deadline)
      line = line.b
      until line.empty?
        case written = @socket.write_nonblock(line, exception: false)
        when :wait_writable then wait(IO::WRITABLE, deadline)
        else line = line.byteslice(written..)
        end
        # The daemon answers a last line that lacks its end, too.
        @sent = line.size < 2
      end
    rescue SystemCallError
      # The daemon may have said why before it closed: that is read next.
    end

    def read_line(deadline)
      buffer = +"".b
      until (ending = buffer.index("\n"))
        lost!("garbled") if buffer.size > MAX_REPLY
        case chunk = @socket.read_nonblock(65_536, exception: false)
        when :wait_readable then wait(IO::READABLE, deadline)
        when nil then lost!("ended")
        else buffer << chunk
        end
      end
      @rest = buffer.byteslice(ending + 1..)
      buffer.byteslice(0, ending)
    rescue SystemCallError
      lost!("ended")
    end

    def wait(events, deadline)
      left = deadline - Connection.now
      lost!("timed_out") unless left.positive? && @socket.wait(events, left)
    end

    def parse(line)
      reply = JSON.parse(line.force_encoding(Encoding::UTF_8))
      reply.is_a?(Hash) ? reply : lost!("garbled")
    rescue JSON::ParserError, EncodingError
      lost!("garbled")
    end

    # (Without the cause, whose text may show a part of the reply.)
    def lost!(code) = raise(ConnectionLost.new(code, outcome_unknown: @sent == true), cause: nil)
  end
end
