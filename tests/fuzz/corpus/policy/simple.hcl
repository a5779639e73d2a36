path "ssh/creds/web" {
  capabilities = ["update"]
}
