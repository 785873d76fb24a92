@echo off
rem gunicorn needs a Unix: on Windows, Wallas runs in WSL and is reached at http://localhost:8001 from Windows too.
where wsl >nul 2>nul
if errorlevel 1 (
    echo Wallas needs the Windows Subsystem for Linux. Install it with:  wsl --install
    exit /b 1
)
cd /d "%~dp0"
wsl --cd "%~dp0." -- bash ./start.sh %*
