# frozen_string_literal: true

require_relative "usher/version"
require_relative "usher/errors"
require_relative "usher/connection"
require_relative "usher/client"
