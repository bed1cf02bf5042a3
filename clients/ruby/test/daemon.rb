# frozen_string_literal: true

require "fileutils"
require "minitest/autorun"
require "tmpdir"
require_relative "../lib/usher"

# One usherd for all tests of a process, which ends with it.
module Daemon
  PROGRAM = ENV.fetch("USHERD", File.expand_path("../../../.build/release/usherd", __dir__))
  FOLDER = Dir.mktmpdir("ush")
  SOCKET = "#{FOLDER}/s"
  ADMIN = Usher::Client.new("#{FOLDER}/a")

  def self.start
    # Hashing that costs next to nothing.
    File.write("#{FOLDER}/usher.toml", "[password]\nscheme = \"bcrypt\"\ncost = 4\n")
    Dir.mkdir("#{FOLDER}/state", 0o700)
    launch
    Minitest.after_run { finish }
  end

  def self.launch
    @pid = spawn(
      { "JWT_SECRET" => "tests-access-secret-0123456789-abcdefghijklm", "REFRESH_TOKEN_SECRET" => "tests-refresh-secret-9876543210-zyxwvutsrq" },
      PROGRAM, "--config", "#{FOLDER}/usher.toml", "--listen", SOCKET, "--admin-listen", "#{FOLDER}/a", "--state", "#{FOLDER}/state",
      %i[out err] => "#{FOLDER}/log"
    )
    1000.times do
      return Usher::Client.new(SOCKET).ping
    rescue Usher::ConnectionLost
      sleep 0.01
    end
    raise File.read("#{FOLDER}/log")
  end

  def self.stop
    Process.kill("TERM", @pid)
    Process.wait(@pid)
    @pid = nil
  end

  def self.finish
    stop if @pid
    FileUtils.rm_rf(FOLDER)
  end

  # An account of a name that no other test has, and the tokens of its first session.
  def self.register(client, prefix = "u")
    name = "#{prefix}#{@accounts = (@accounts || 0) + 1}"
    [name, client.register(name, "#{name}@example.org", "correct horse")]
  end
end

Daemon.start
