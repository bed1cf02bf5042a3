# frozen_string_literal: true

module Usher
  # A client of usherd, with one method an operation. Any number of threads may share one; each request has a connection to itself, and connections
  # are kept. After a fork parent and child go on with connections of their own.
  #
  # What comes back is the daemon's reply as protocol.md has it, a Hash with strings for keys, or the member of it that a method's comment names.
  # All methods raise Denied, Misuse and RetryLater; the latter also as ConnectionLost.
  class Client
    # Where an installation has its socket.
    SOCKET = "/run/usher/usher.sock"

    # What changes nothing, and may be asked again when the connection was lost.
    REPEATABLE = %w[VERIFY AUTHORIZE PING HELP].freeze
    private_constant :REPEATABLE

    # `timeout`: the seconds that a request may take from connecting to the end of its reply.
    def initialize(path = SOCKET, timeout: 10)
      @path = path
      @timeout = timeout
      @lock = Mutex.new
      @pid = Process.pid
      @idle = []
      # Weakly: whatever nobody uses any more is closed.
      @all = ObjectSpace::WeakMap.new
    end

    def ping = call("PING")

    # The list of operations, or the one that is the `topic`.
    def help(topic: nil) = member("ops", call("HELP", topic:))

    # `client`, here and below: `{ ip:, user_agent: }` of the visitor. Without `ip` the daemon cannot throttle attackers one by one.
    def register(username, email, password, audience: nil, client: nil)
      call("REGISTER", username:, email:, password:, audience:, client:)
    end

    # `login` is a username or an email. A user with a second factor is Denied with `otp_required`; go on with finish_login.
    def login(login, password, audience: nil, client: nil) = call("LOGIN", login:, password:, audience:, client:)

    # The second step: the `challenge` is in the members of what login raised.
    def finish_login(challenge, code, client: nil) = call("LOGIN", challenge:, code:, client:)

    # The claims of an access token, or of a whole Authorization header; nil for a bad one if it is `optional`.
    def verify(token = nil, authorization: nil, audience: nil, optional: nil)
      claims(call("VERIFY", token:, authorization:, audience:, optional:), optional)
    end

    # The claims of a token that has any of the roles and all of the permissions.
    def authorize(token = nil, roles: nil, permissions: nil, authorization: nil, audience: nil)
      claims(call("AUTHORIZE", token:, authorization:, roles:, permissions:, audience:), false)
    end

    # The next pair of tokens. One refresh token must not be in use twice at once: see Usher::Middleware.
    def refresh(refresh_token, client: nil) = call("REFRESH", refresh_token:, client:)

    # Whether there was anything to revoke. `scope` is `token`, `session` or `user`; `session` is the id of another session to end.
    def revoke(token, scope: nil, session: nil) = member("revoked", call("REVOKE", token:, scope:, session:))

    def password(token, password, new_password, audience: nil, client: nil)
      call("PASSWORD", token:, password:, new_password:, audience:, client:)
    end

    # The `reset_token` is nil where no account has this email: show visitors the same page.
    def recover(email, client: nil) = call("RECOVER", email:, client:)

    def reset(reset_token, new_password, client: nil) = call("RESET", reset_token:, new_password:, client:)

    # Takes a `confirmation_token` back, or issues one for a `token` or an `email`.
    def confirm(confirmation_token: nil, token: nil, email: nil, audience: nil, client: nil)
      call("CONFIRM", confirmation_token:, token:, email:, audience:, client:)
    end

    # The user, after the changes that were asked for.
    def profile(token, username: nil, email: nil, claims: nil, password: nil, code: nil, audience: nil, client: nil)
      member("user", call("PROFILE", token:, username:, email:, claims:, password:, code:, audience:, client:))
    end

    # Where the user is logged in.
    def sessions(token, audience: nil) = member("sessions", call("SESSIONS", token:, audience:))

    def delete(token, password, audience: nil, client: nil) = call("DELETE", token:, password:, audience:, client:)

    # `action`: `status`, `enrol`, `confirm`, `recovery_codes` or `disable`.
    def totp(action, token, password: nil, code: nil, audience: nil, client: nil)
      call("TOTP", action:, token:, password:, code:, audience:, client:)
    end

    # Any operation, by its name: the reply without `id` and `ok`. Members that are nil are left out.
    def call(op, **members)
      # (The operation comes last: no member may stand in for it.)
      reply = answer(op, members.compact.merge(op:), Connection.now + @timeout)
      return reply.except("id", "ok") if reply["ok"] == true

      raise Error.of(reply) || ConnectionLost.new("garbled", outcome_unknown: true)
    end

    # Closes the connections that are kept. The client can be used on.
    def close
      @lock.synchronize { @idle.each(&:close).clear }
    end

    # (Without the connections.)
    def inspect = "#<Usher::Client #{@path}>"

    private

    def answer(op, request, deadline)
      exchange(request, deadline)
    rescue ConnectionLost => e
      # What was not sent whole was not carried out.
      again = e.code == "ended" && (!e.outcome_unknown? || REPEATABLE.include?(op))
      raise unless again

      exchange(request, deadline)
    end

    def exchange(request, deadline)
      connection = take || open(deadline)
      connection.ask(request, deadline)
    ensure
      # Wherever a thread is interrupted, its connection is not left behind.
      Thread.handle_interrupt(Object => :never) { give_back(connection) if connection }
    end

    # A connection on which all is quiet; nil if there is none. Meanwhile it is nobody else's.
    def take
      @lock.synchronize do
        leave_to_parent unless @pid == Process.pid
        while (connection = @idle.pop)
          return connection if connection.usable?

          connection.close
        end
      end
    end

    def open(deadline)
      Connection.new(@path, deadline).tap { |connection| @lock.synchronize { @all[connection] = true } }
    end

    def give_back(connection)
      @lock.synchronize { connection.usable? ? @idle.push(connection) : connection.close }
    end

    # After a fork all connections are the parent's, those that its threads were using included: here are only copies.
    def leave_to_parent
      @all.each_key(&:close)
      @idle.clear
      @pid = Process.pid
    end

    def claims(reply, optional)
      optional && reply["claims"].nil? ? nil : member("claims", reply)
    end

    def member(name, reply)
      value = reply[name]
      value.nil? ? raise(ConnectionLost.new("garbled", outcome_unknown: true)) : value
    end
  end
end
