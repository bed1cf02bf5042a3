# frozen_string_literal: true

require "timeout"
require_relative "daemon"
require_relative "../lib/usher/refreshes"

# What the table of cases cannot say.
class ClientTest < Minitest::Test
  def setup
    @client = Usher::Client.new(Daemon::SOCKET)
  end

  def test_no_text_shows_a_secret
    name, grant = Daemon.register(@client)
    error = assert_raises(Usher::Misuse) { @client.login(name, "bad \xFF horse") }
    refute_includes error.full_message, "horse"
    assert_nil error.cause
    assert_equal "#<Usher::Client #{Daemon::SOCKET}>", @client.inspect
    challenge = Usher::Denied.new("otp_required", "A code is needed.", 401, { "challenge" => "sesame" })
    refute_includes challenge.inspect + challenge.full_message, "sesame"
    assert grant["access_token"]
  end

  def test_an_interrupted_thread_leaves_no_reply_to_another_one
    (_, ann), (_, bob) = Array.new(2) { Daemon.register(@client) }
    50.times do
      thread = Thread.new { loop { @client.verify(ann["access_token"]) } }
      sleep rand / 500
      thread.kill.join
      assert_equal bob["user"]["id"], @client.verify(bob["access_token"])["sub"]
    end
  end

  def test_an_interrupted_thread_leaves_no_connection_open
    _, grant = Daemon.register(@client)
    before = open_files
    300.times do
      thread = Thread.new { loop { @client.verify(grant["access_token"]) } }
      thread.report_on_exception = false
      sleep rand / 500
      thread.raise(Timeout::Error)
      assert_raises(Timeout::Error) { thread.join }
    end
    # (Some that are nobody's any more may not be collected yet.)
    GC.start
    assert_operator open_files, :<=, before + 5
  end

  def open_files = Dir.children("/proc/self/fd").size

  def test_what_cannot_be_written_is_the_callers_mistake
    _, grant = Daemon.register(@client)
    cycle = {}
    cycle["again"] = cycle
    [cycle, Float::NAN, [Float::INFINITY], "\xFF", { "\xFF" => 1 }, Array.new(99).reduce { |inner, _| [inner] }].each do |claim|
      error = assert_raises(Usher::Misuse) { @client.profile(grant["access_token"], claims: { claim: }) }
      assert_equal ["bad_request", nil], [error.code, error.cause]
    end
  end

  def test_no_member_stands_in_for_the_operation
    assert_equal 1, @client.call("PING", op: "HELP", id: 5)["protocol"]
  end

  def test_no_file_is_left_to_open
    limits = Process.getrlimit(:NOFILE)
    Process.setrlimit(:NOFILE, Dir.children("/proc/self/fd").map(&:to_i).max + 1, limits[1])
    files = []
    assert_raises(Errno::EMFILE) { loop { files << File.open("/dev/null") } }
    error = assert_raises(Usher::ConnectionLost) { @client.ping }
    assert_equal ["unreachable", false], [error.code, error.outcome_unknown?]
  ensure
    files.each(&:close)
    Process.setrlimit(:NOFILE, *limits)
  end

  def test_whoever_refreshes_first_may_be_interrupted
    gate = Queue.new
    slow = Class.new { define_method(:refresh) { |token, client:| gate.pop && { "access_token" => "#{token}2" } } }.new
    refreshes = Usher::Refreshes.new(slow)
    first = Thread.new { refreshes.refresh("a") }
    Thread.pass until first.stop?
    second = Thread.new { refreshes.refresh("a") }
    first.kill.join
    gate << true
    assert_equal "a2", second.value["access_token"]
    assert_equal "a2", refreshes.refresh("a")["access_token"]
  end

  def test_a_fork_while_other_threads_ask
    (_, ann), (_, bob) = Array.new(2) { Daemon.register(@client) }
    busy = true
    threads = Array.new(4) { Thread.new { assert_equal ann["user"]["id"], @client.verify(ann["access_token"])["sub"] while busy } }
    children = Array.new(5) { fork { exit!(Array.new(50) { @client.verify(bob["access_token"])["sub"] }.uniq == [bob["user"]["id"]]) } }
    children.each { |pid| assert_predicate Process.wait2(pid)[1], :success? }
    busy = false
    threads.each(&:join)
  end

  def test_threads_share_a_client_over_a_restart
    _, grant = Daemon.register(@client)
    busy = true
    threads = Array.new(4) do
      Thread.new do
        while busy
          begin
            assert_equal grant["user"]["id"], @client.verify(grant["access_token"])["sub"]
          rescue Usher::RetryLater
            sleep 0.01
          end
        end
      end
    end
    sleep 0.05
    Daemon.stop
    Daemon.launch
    sleep 0.05
    busy = false
    threads.each(&:join)
    assert_equal grant["user"]["id"], @client.verify(grant["access_token"])["sub"]
  end
end
