/// The part of the store that keeps what a throttle has counted, for the next process.
public protocol ThrottleStore: Sendable {
    /// All that is kept.
    func throttles() async throws(UsherError) -> [ThrottleRecord]

    /// Keeps each record in place of an earlier one of the same key; forgets those whose count is 0.
    func keep(_ throttles: [ThrottleRecord]) async throws(UsherError)
}

/// What attempts are counted by.
public struct ThrottleKey: Hashable, Sendable {
    /// The account's id, or what stands for a name that no account has; zero where it is counted by the address alone.
    public let subject: UUIDv7
    /// Nil where it is counted by the account alone.
    public let address: AddressBlock?
    public let kind: Kind

    public enum Kind: Int, Sendable, CaseIterable {
        /// LOGINs that failed on an account, in a row.
        case account = 0
        /// LOGINs that failed from an address.
        case address = 1
        /// LOGINs that failed on an account from an address.
        case pair = 2
        case register = 3
        case recover = 4
        /// Other requests of an account, whose bearer asks; or, of one-time tokens, from an address.
        case request = 5

        /// Whether a password is hashed for each attempt: what costs nothing could fill any table.
        public var isOfLogin: Bool {
            switch self {
            case .account, .address, .pair: true
            case .register, .recover, .request: false
            }
        }

        /// Whether it is worth a write: what is over in a minute is not.
        public var outlivesProcess: Bool { self != .request }
    }

    public init(_ kind: Kind, subject: UUIDv7 = UUIDv7(high: 0, low: 0), address: AddressBlock? = nil) {
        self.kind = kind
        self.subject = subject
        self.address = address
    }
}

/// What has been counted by one key.
public struct ThrottleRecord: Sendable, Equatable {
    public let key: ThrottleKey
    /// 0: nothing any more.
    public let count: Int
    /// For how long it has been counted, in milliseconds of service.
    public let age: Int64

    public init(key: ThrottleKey, count: Int, age: Int64) {
        self.key = key
        self.count = count
        self.age = age
    }
}
