# frozen_string_literal: true

module Usher
  VERSION = "0.1.0"
end
