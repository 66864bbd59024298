package helper

// standardState is where what outlives the helper is kept.
const standardState = `C:\ProgramData\Culvert`
