# frozen_string_literal: true

require_relative "daemon"

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
    # Nor a connection open.
    assert_empty @client.instance_variable_get(:@busy)
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
