/// How many attempts there may be. Times are in seconds.
public struct ThrottleSettings: Sendable, Equatable {
    /// LOGINs that fail on one account from one address within `loginWindow`. `[throttle] login_failures`.
    public var loginFailures = 5
    /// LOGINs that fail from one address, whatever the account, within `loginWindow`. `[throttle] address_failures`.
    public var addressFailures = 20
    /// `[throttle] login_window`.
    public var loginWindow: Int64 = 15 * 60
    /// LOGINs that fail on one account in a row, wherever they come from: after them there is one attempt per delay, which doubles
    /// (NIST SP 800-63B §5.2.2). `[throttle] account_failures`.
    public var accountFailures = 100
    /// The longest such delay. `[throttle] account_max_delay`.
    public var accountMaxDelay: Int64 = 3600
    /// REGISTERs from one address within `perAddressWindow`. `[throttle] register_per_address`.
    public var registerPerAddress = 20
    /// RECOVERs from one address within `perAddressWindow`. `[throttle] recover_per_address`.
    public var recoverPerAddress = 10
    /// `[throttle] per_address_window`.
    public var perAddressWindow: Int64 = 3600
    /// Requests a minute of one account, or with one-time tokens from one address. `[throttle] requests_per_minute`.
    public var requestsPerMinute = 600
    /// Accounts, addresses and pairs of them that are counted. `[throttle] max_buckets`.
    public var buckets = 1_000_000

    /// The first delay of an account: the shortest that NIST SP 800-63B §5.2.2 names.
    public static let firstDelay: Int64 = 30
    /// When a row of failures is forgotten, since the last one. Whoever waits for it gets no more attempts than with a delay of an hour.
    public static let rowMemory: Int64 = 7 * 86_400

    public init() {}
}
