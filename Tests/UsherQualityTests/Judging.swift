import UsherModel

let ada = PasswordOwner(username: Username(stored: "Ada.Lovelace"), email: Email(stored: "countess@babbage-club.example.org"))

extension PasswordQuality {
    func weakness(of password: String, owner: PasswordOwner = ada) throws -> PasswordWeakness? {
        try weakness(of: Array(password.utf8), owner: owner)
    }

    func weakness(of password: [UInt8], owner: PasswordOwner = ada) throws -> PasswordWeakness? {
        try weakness(of: SecretBytes(copying: password.span), owner: owner)
    }
}
