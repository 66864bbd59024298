# The help desk's commands
Add-VpnConnection -Name "Office" -ServerAddress "vpn.example.com" `
    -TunnelType L2tp -L2tpPsk "pit`$hole ""1""" -AuthenticationMethod MSChapv2,Pap `
    -EncryptionLevel Optional -SplitTunneling -RememberCredential -Force -PassThru
Set-VpnConnectionIPsecConfiguration -ConnectionName Office -AuthenticationTransformConstants SHA196 -CipherTransformConstants AES256 -EncryptionMethod AES256 -IntegrityCheckMethod SHA256 -DHGroup Group14 -PfsGroup None -Force
Add-VpnConnectionRoute -ConnectionName 'Office' -DestinationPrefix 10.1.0.0/16 -PassThru; Add-VpnConnectionRoute "office" 192.168.7.0/24
rasdial Office CORP\alice "Tr0ub4dor 3"

$params = @{
  Name           = 'Lab'
  ServerAddress  = "lab.example.com"
  TunnelType     = 'L2tp'
  L2tpPsk        = 'it''s =secret='
  AuthenticationMethod = @('Chap', 'MSChapv2')
}
Add-VpnConnection @params -Force
Set-VpnConnection -Name "Lab" -SplitTunneling $False -IdleDisconnectSeconds 900
Add-VpnConnection -Name 'Road' -ServerAddress 203.0.113.9 -TunnelType Ikev2 -EapConfigXmlStream (New-EapConfiguration).EapConfigXmlStream
Add-VpnConnection –Name “Branch” –ServerAddress “branch.example.com” –TunnelType “L2tp” –L2tpPsk base64ish== -Auth MSChapv2 –UseWinlogonCredential
$psk = Read-Host 'Key'
Add-VpnConnection -Name Ask -ServerAddress ask.example.com -TunnelType L2tp -L2tpPsk $psk
