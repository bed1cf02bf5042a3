/// Every operation, a line each.
public enum Registry {
    public static let operations: [Operation] = [
        Register.operation,
        LoginRequest.operation,
        Verify.operation,
        Authorize.operation,
        Refresh.operation,
        Revoke.operation,
        Import.operation,
        Export.operation,
        Ping.operation,
        Help.operation,
    ]
}
