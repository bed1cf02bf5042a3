/// Every operation, a line each.
public enum Registry {
    public static let operations: [Operation] = [
        Register.operation,
        LoginRequest.operation,
        Verify.operation,
        Authorize.operation,
        Refresh.operation,
        Revoke.operation,
        ChangePassword.operation,
        Recover.operation,
        Reset.operation,
        Confirm.operation,
        Profile.operation,
        Sessions.operation,
        Delete.operation,
        TOTPRequest.operation,
        Import.operation,
        Export.operation,
        ServerStatus.operation,
        Clients.operation,
        Metrics.operation,
        Monitor.operation,
        Ping.operation,
        Help.operation,
    ]
}
