public enum Usher {
    /// The version of the daemon, and of what comes with it.
    public static let version = "0.1.0"
}
